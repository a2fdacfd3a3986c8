-- Grain: one row per id of a source file that is text, with the number that stands for it.
-- Reads: {texts}, one whole record each. Writes: raw.{kind}_keys.
INSERT INTO raw.{kind}_keys
WITH fields AS (
    SELECT raw, {fields} AS field FROM {texts} WHERE trim(raw, E' \t') <> ''
),
keys AS (
    SELECT DISTINCT strip({text}) AS key FROM fields
)
SELECT $file_id, key_of(key), key FROM keys WHERE key <> ''
