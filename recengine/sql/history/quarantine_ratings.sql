-- Grain: one row per line of a ratings file that cannot be used by itself.
-- Reads: raw.ratings_{file_id}, the file by line. Writes: ops.quarantine.
INSERT INTO ops.quarantine
SELECT
    {file_id}, $file,
    -- counted as in the view raw.ratings
    rowid - (SELECT min(rowid) FROM raw.ratings_{file_id}) + $first_line,
    reason, raw
FROM raw.ratings_{file_id} WHERE reason IS NOT NULL
