-- Grain: one row per record of a movies or users file that cannot be used by itself.
-- Reads: judged, a scratch table of the file's records. Writes: ops.quarantine.
INSERT INTO ops.quarantine
SELECT $file_id, $file, line, reason, raw FROM judged WHERE reason IS NOT NULL
