-- Grain: one row: how many times of a ratings file fit each way to write them, how many are other text, and one of these.
-- Reads: {texts}, one whole record each. Writes: nothing.
WITH fields AS (
    SELECT raw, {fields} AS field FROM {texts} WHERE trim(raw, E' \t') <> ''
),
times AS (
    SELECT {time} AS text, number(text) AS x, getvariable('earliest') AS low, getvariable('latest') AS high FROM fields
)
SELECT
    count(*) FILTER (x BETWEEN low AND high) AS seconds,
    count(*) FILTER (x / 1e3 BETWEEN low AND high) AS milliseconds,
    count(*) FILTER (x / 1e6 BETWEEN low AND high) AS microseconds,
    count(*) FILTER (x / 1e9 BETWEEN low AND high) AS nanoseconds,
    count(*) FILTER (seconds_of(text) BETWEEN low AND high) AS dates,
    count(*) FILTER (text IS NOT NULL AND x IS NULL AND seconds_of(text) IS NULL) AS others,
    first(text) FILTER (text IS NOT NULL AND x IS NULL AND seconds_of(text) IS NULL) AS example
FROM times
