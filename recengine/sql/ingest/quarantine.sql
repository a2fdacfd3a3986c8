-- Grain: one row per line of one source file that another line or file rules out.
-- Reads: left_out; {lines}, the file as whole lines. Writes: ops.quarantine.
INSERT INTO ops.quarantine
SELECT $file_id, $file, line, reason, left(raw, 2000)
FROM left_out JOIN {lines} USING (line)
WHERE file_id = $file_id
