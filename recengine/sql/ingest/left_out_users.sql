-- Grain: one row, how many lines of one users file are unusable or repeat an id.
-- Reads: ops.files, raw.users. Writes: nothing.
SELECT file_id, bad_rows + (SELECT count(*) - count(DISTINCT user_id) FROM raw.users)
FROM ops.files AS f WHERE name = $name
