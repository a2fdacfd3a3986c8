-- Grain: one row per publication older than $days days whose version is not kept.
-- Reads: nothing. Writes: ops.publications.
DELETE FROM ops.publications
WHERE happened_at < now() AT TIME ZONE 'UTC' - to_days($days::INTEGER)
AND NOT coalesce(list_contains($kept::VARCHAR[], version), false)
