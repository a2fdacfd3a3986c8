-- Grain: one row per line of a file that the reader left out and the line-by-line look did not explain.
-- Reads: {lines}, the file as whole lines; raw.{role}; ops.quarantine. Writes: ops.quarantine.
-- None in any file we know; a row here says that the two ways of reading disagree, rather than hiding it.
INSERT INTO ops.quarantine
WITH lines AS (
    SELECT row_number() OVER () AS line, raw FROM {lines}
),
counts AS (
    SELECT
        (SELECT count(*) FROM lines WHERE trim(coalesce(raw, '')) <> '' AND line > $header_lines) AS lines,
        (SELECT count(*) FROM raw.{role} WHERE file_id = $file_id) AS usable,
        (SELECT count(*) FROM ops.quarantine
         WHERE file_id = $file_id AND reason NOT IN ('unknown movie', 'duplicate movie', 'duplicate user')) AS located
)
SELECT $file_id, $file, NULL, 'unparsable', NULL
FROM counts, range(greatest(lines - usable - located, 0))
