-- What makes a value usable. Reads the variables earliest, latest and, of the scale, scale_low, scale_high, scale_step.
-- undated is true while ratings without times are read, implicit where a rating may be missing.

-- A file's name without its ending, so that ratings.csv comes before ratings-2026-11-24.csv.
CREATE OR REPLACE TEMP MACRO stem(name) AS regexp_replace(name, '\.[^.]*$', '');

-- The text of a csv field, NULL when empty.
CREATE OR REPLACE TEMP MACRO unquoted(field) AS nullif(
    -- a line break in it was written as these three (see copies.py)
    replace(CASE WHEN length(field) >= 2 AND starts_with(field, '"') AND ends_with(field, '"')
        THEN replace(field[2:-2], '""', '"') ELSE field END, chr(30) || chr(28) || chr(30), chr(10)), '');

CREATE OR REPLACE TEMP MACRO odd_quotes(raw) AS (length(raw) - length(replace(raw, '"', ''))) % 2 = 1;

-- Whether one of a line's fields opens a quote and does not close it.
CREATE OR REPLACE TEMP MACRO unclosed(fields) AS len(list_filter(fields,
    lambda f: starts_with(f, '"') AND (length(f) = 1 OR NOT ends_with(f, '"')))) > 0;

-- A number as people write it: 1_000 is none, although DuckDB takes it for one.
CREATE OR REPLACE TEMP MACRO number(text) AS CASE WHEN NOT contains(text, '_') THEN try_cast(text AS DOUBLE) END;

-- The same with a decimal comma.
CREATE OR REPLACE TEMP MACRO point(text) AS
    CASE WHEN contains(text, ',') AND regexp_full_match(text, '\s*[+-]?\d*,\d*\s*') THEN replace(text, ',', '.') ELSE text END;

-- An id that arrives as DOUBLE and may not be exact, or is none.
CREATE OR REPLACE TEMP MACRO bad_id(x) AS
    NOT coalesce(x BETWEEN -9007199254740991 AND 9007199254740991 AND x = floor(x), false);

-- The id in a text, exactly; NULL when it is no whole number of 64 bits.
CREATE OR REPLACE TEMP MACRO id_of(text) AS CASE
    WHEN NOT bad_id(number(text)) THEN number(text)::BIGINT
    WHEN regexp_full_match(text, '\s*[+-]?\d+\s*') THEN try_cast(text AS BIGINT)
END;

-- A text without blanks, tabs and line breaks around it.
CREATE OR REPLACE TEMP MACRO strip(text) AS regexp_replace(text, '^[\s\p{Z}]+|[\s\p{Z}]+$', '', 'g');

-- Why a text is no id.
CREATE OR REPLACE TEMP MACRO id_problem(text) AS
    CASE WHEN regexp_full_match(strip(text), '[+-]?\d{19,}') THEN 'id beyond 64 bits' ELSE 'unparsable id' END;

-- The number that stands for an id that is text: 53 bits of its hash, or itself where it is written as a number.
CREATE OR REPLACE TEMP MACRO key_of(text) AS CASE
    WHEN strip(text) = '' THEN NULL
    WHEN try_cast(text AS BIGINT)::VARCHAR = strip(text) THEN try_cast(text AS BIGINT)
    ELSE (md5_number_lower(strip(text)) % 9007199254740992)::BIGINT
END;

-- A date, or a date and time, as seconds since 1970; it is UTC where it names no zone.
CREATE OR REPLACE TEMP MACRO seconds_of(text) AS floor(CASE
    -- the usual one first: patterns take longer than all the rest
    WHEN text LIKE '____-__-__ __:__:__' THEN epoch(try_cast(text AS TIMESTAMP))
    WHEN regexp_matches(text, '^\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}[T ].*:\d\d([.,]\d+)?\s*([zZ]|[+-]\d\d(:?\d\d)?|[A-Za-z][A-Za-z_/]+)\s*$')
        THEN epoch(try_cast(regexp_replace(strip(text), '\s+([+-]\d\d(:?\d\d)?)$', '\1') AS TIMESTAMPTZ))
    WHEN regexp_matches(text, '^\s*\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]|\s*$)') THEN epoch(try_cast(strip(text) AS TIMESTAMP))
END);

-- Why a rating line cannot be used; NULL when it can.
CREATE OR REPLACE TEMP MACRO rating_reason(user_id, movie_id, rating, rated_at) AS CASE
    WHEN user_id IS NULL OR movie_id IS NULL THEN 'missing id'
    WHEN rating IS NULL AND NOT getvariable('implicit') THEN 'missing rating'
    WHEN getvariable('undated') THEN NULL
    WHEN rated_at IS NULL THEN 'missing timestamp'
    WHEN isnan(rated_at) OR rated_at < getvariable('earliest') THEN 'absurd timestamp'
    WHEN rated_at > getvariable('latest') THEN 'timestamp in the future'
END;

-- A rating as it is stored, infinite where no FLOAT is as large.
CREATE OR REPLACE TEMP MACRO stored(rating) AS
    (CASE WHEN isnan(rating) OR abs(rating) < 1e30 THEN rating ELSE 'inf' END)::FLOAT;

-- Why a stored rating is not on the scale; NULL when it is. scale_step is NULL where any number between the ends is,
-- all three are where there are no ratings.
CREATE OR REPLACE TEMP MACRO off_scale(rating) AS CASE
    WHEN rating NOT BETWEEN getvariable('scale_low')::FLOAT AND getvariable('scale_high')::FLOAT
        THEN 'rating outside the scale'
    WHEN rating <> (getvariable('scale_low') + getvariable('scale_step')
        * round((rating::DOUBLE - getvariable('scale_low')) / getvariable('scale_step')))::FLOAT
        THEN 'rating not on the star grid'
END;

-- Why a movie line cannot be used; id is the text of the id field.
CREATE OR REPLACE TEMP MACRO movie_reason(id, title) AS CASE
    WHEN coalesce(strip(id), '') = '' THEN 'missing id'
    WHEN id_of(id) IS NULL THEN id_problem(id)
    WHEN coalesce(strip(title), '') = '' THEN 'missing title'
END;

-- Why a user line cannot be used.
CREATE OR REPLACE TEMP MACRO user_reason(id) AS CASE
    WHEN coalesce(strip(id), '') = '' THEN 'missing id'
    WHEN id_of(id) IS NULL THEN id_problem(id)
END;

-- The year in "Title (1995)", also in "Title (1995) " and "Title (1995-1997)".
CREATE OR REPLACE TEMP MACRO year_of(title) AS
    nullif(regexp_extract(title, '\((\d{4})(?:[-–]\d{0,4})?\)\s*$', 1), '')::INTEGER;

-- The year in a column of years or dates.
CREATE OR REPLACE TEMP MACRO year_in(text) AS
    nullif(regexp_extract(text, '^\s*(1[89]\d\d|2[01]\d\d)(\D|$)', 1), '')::INTEGER;

-- "Action|Drama" as a sorted list; "(no genres listed)", "unknown" and "" are no genres.
CREATE OR REPLACE TEMP MACRO genres_of(listed, separator) AS
    list_sort(list_distinct(list_filter(
        list_transform(string_split(coalesce(listed, ''), separator), lambda g: strip(g)),
        lambda g: g NOT IN ('', 'unknown', '(no genres listed)'))));
