-- Grain: one row per record of a source file, with the line where it begins; reason says why it cannot be
-- used, NULL when it can. Only unusable ones keep their text.
-- Reads: {lines}, one whole record each. Writes: the temporary table judged.
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
SELECT * REPLACE (CASE WHEN reason IS NOT NULL THEN {shown} END AS raw) FROM final
