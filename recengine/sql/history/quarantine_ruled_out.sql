-- Grain: one row per record of one source file that another line or file rules out.
-- Reads: raw.left_out; {lines}, the file, one whole record each. Writes: ops.quarantine.
INSERT INTO ops.quarantine
SELECT $file_id, $file, line, reason, {shown}
FROM raw.left_out JOIN {lines} USING (line)
WHERE file_id = $file_id AND reason NOT IN ('repeated', 'superseded')
