-- What makes a value usable. Reads the variables scale_low, scale_high, scale_step, earliest, latest.
-- Ids and timestamps arrive as DOUBLE, exact up to 2^53.

-- A file's name without its ending, so that ratings.csv comes before ratings-2026-11-24.csv.
CREATE OR REPLACE TEMP MACRO stem(name) AS regexp_replace(name, '\.[^.]*$', '');

-- The text of a csv field, NULL when empty.
CREATE OR REPLACE TEMP MACRO unquoted(field) AS nullif(
    CASE WHEN length(field) >= 2 AND starts_with(field, '"') AND ends_with(field, '"')
        THEN replace(field[2:-2], '""', '"') ELSE field END, '');

CREATE OR REPLACE TEMP MACRO odd_quotes(raw) AS (length(raw) - length(replace(raw, '"', ''))) % 2 = 1;

CREATE OR REPLACE TEMP MACRO bad_id(x) AS NOT coalesce(x BETWEEN 0 AND 9007199254740991 AND x = floor(x), false);

-- Why a rating line cannot be used; NULL when it can.
CREATE OR REPLACE TEMP MACRO rating_reason(user_id, movie_id, rating, rated_at) AS CASE
    WHEN user_id IS NULL OR movie_id IS NULL THEN 'missing id'
    WHEN bad_id(user_id) OR bad_id(movie_id) THEN 'unparsable id'
    WHEN rating IS NULL THEN 'missing rating'
    WHEN isnan(rating) OR rating NOT BETWEEN getvariable('scale_low') AND getvariable('scale_high')
        THEN 'rating outside the scale'
    WHEN rating / getvariable('scale_step') <> round(rating / getvariable('scale_step'))
        THEN 'rating not on the star grid'
    WHEN rated_at IS NULL THEN 'missing timestamp'
    WHEN isnan(rated_at) OR rated_at < getvariable('earliest') THEN 'absurd timestamp'
    WHEN rated_at > getvariable('latest') THEN 'timestamp in the future'
END;

-- Why a movie line cannot be used; id is the text of the id field.
CREATE OR REPLACE TEMP MACRO movie_reason(id, title) AS CASE
    WHEN coalesce(trim(id), '') = '' THEN 'missing id'
    WHEN bad_id(try_cast(id AS DOUBLE)) THEN 'unparsable id'
    WHEN coalesce(trim(title), '') = '' THEN 'missing title'
END;

-- Why a user line cannot be used.
CREATE OR REPLACE TEMP MACRO user_reason(id) AS CASE
    WHEN coalesce(trim(id), '') = '' THEN 'missing id'
    WHEN bad_id(try_cast(id AS DOUBLE)) THEN 'unparsable id'
END;

-- The year in "Title (1995)", also in "Title (1995) " and "Title (1995-1997)".
CREATE OR REPLACE TEMP MACRO year_of(title) AS
    nullif(regexp_extract(title, '\((\d{4})(?:[-–]\d{0,4})?\)\s*$', 1), '')::INTEGER;

-- "Action|Drama" as a sorted list; "(no genres listed)", "unknown" and "" are no genres.
CREATE OR REPLACE TEMP MACRO genres_of(listed) AS
    list_sort(list_distinct(list_filter(
        string_split(coalesce(listed, ''), '|'), lambda g: g NOT IN ('', 'unknown', '(no genres listed)'))));
