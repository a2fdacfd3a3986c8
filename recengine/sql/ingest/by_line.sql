-- Grain: one row per line of a source file that is neither header nor blank; reason says why it cannot be
-- used, NULL when it can. Only unusable lines keep their text.
-- Reads: the file as whole lines. Writes: the temporary table judged.
CREATE OR REPLACE TEMP TABLE judged AS
WITH fields AS (
    SELECT line, raw, {fields} AS field
    FROM {lines}
    WHERE line > {header_lines} AND trim(raw, E' \t') <> ''
),
named AS (
    SELECT line, raw, field, {named} FROM fields
),
final AS (
    SELECT * EXCLUDE (field), coalesce({problem}, {reason}) AS reason FROM named
)
SELECT * REPLACE (CASE WHEN reason IS NOT NULL THEN left(raw, 2000) END AS raw) FROM final
