-- Grain: one row per record of some files that another line or file ruled out.
-- Reads: nothing. Writes: ops.quarantine.
DELETE FROM ops.quarantine
WHERE list_contains($file_ids::INTEGER[], file_id)
AND reason IN (
    'unknown movie', 'duplicate movie', 'duplicate user', 'rating outside the scale', 'rating not on the star grid'
)
