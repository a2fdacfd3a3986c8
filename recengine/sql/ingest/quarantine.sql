-- Grain: one row per line of one source file that another line or file rules out.
-- Reads: raw.left_out; {lines}, the file as whole lines. Writes: ops.quarantine.
INSERT INTO ops.quarantine
SELECT $file_id, $file, line, reason, left(raw, 2000)
FROM raw.left_out JOIN {lines} USING (line)
WHERE file_id = $file_id AND reason NOT IN ('repeated', 'superseded')
