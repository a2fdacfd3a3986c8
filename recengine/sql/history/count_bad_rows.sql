-- Grain: one row per source file.
-- Reads: ops.quarantine. Writes: ops.files.
UPDATE ops.files SET bad_rows = (SELECT count(*) FROM ops.quarantine WHERE quarantine.file_id = files.file_id)
