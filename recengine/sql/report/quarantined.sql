-- Grain: one row per reason, with the places of its first lines; not their text, which names users.
-- Reads: ops.quarantine. Writes: nothing.
SELECT
    reason,
    count(*) AS lines,
    array_to_string(list(file || ' line ' || line ORDER BY file, line)[:$n], ', ') AS examples
FROM ops.quarantine GROUP BY reason ORDER BY lines DESC, reason
