-- Grain: one row per line of a source file that cannot be used.
-- Reads: {lines}, the file as whole lines; core.movies, raw.*, ops.files. Writes: ops.quarantine.
-- Runs only for files in which the fast pass left something out, to find each line, its text and why.
INSERT INTO ops.quarantine
WITH numbered AS (
    SELECT row_number() OVER () AS line, raw FROM {lines}
),
fields AS (
    SELECT line, raw, list_transform(string_split(raw, $delimiter), lambda f: nullif(trim(f, '" '), '')) AS field
    FROM numbered
    WHERE trim(coalesce(raw, '')) <> '' AND line > $header_lines
),
judged AS (
    SELECT
        line, raw,
        try_cast(try_cast(field[{id_field}] AS DOUBLE) AS BIGINT) AS id,
        CASE WHEN {unsplittable} THEN 'unparsable' ELSE {reason} END AS reason
    FROM fields
),
final AS (
    SELECT line, raw, coalesce(reason, {cross_reason}) AS reason FROM judged
)
SELECT $file_id, $file, line, reason, left(raw, 2000) FROM final WHERE reason IS NOT NULL
