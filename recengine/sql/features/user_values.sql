-- Grain: one row per user and attribute column with a value: "gender=F", "occupation=writer", "zip=9" (its
-- first digit), "age_band=25" (its lower bound), "age", scaled so that 100 years are 1, and declared attributes as
-- "country=DE".
-- Reads: core.users, features.users. Writes: features.user_values.
-- What the data does not know gives no row, so a release without demographics gives no column at all. Of a declared
-- attribute the $most_values most common values have a column (ties: by their text); one that is named like a group
-- of our own ($own) is called "attribute gender".
CREATE OR REPLACE TABLE features.user_values AS
WITH attributes AS (
    SELECT user_index, gender, age, occupation, zip FROM core.users JOIN features.users USING (user_id)
),
-- Finer than the segments of popular_movies: a model shares strength between bands, a list needs users enough in each.
bounds AS (
    SELECT unnest([0, 18, 22, 26, 30, 35, 40, 45, 50, 56]) AS bound
),
banded AS (
    SELECT user_index, max(bound) AS bound FROM attributes JOIN bounds ON bound <= age GROUP BY user_index
),
declared AS (
    SELECT user_index, unnest(map_entries(attributes), recursive := true)
    FROM core.users JOIN features.users USING (user_id)
),
named AS (
    SELECT DISTINCT
        user_index, value,
        CASE WHEN list_contains($own, key) THEN 'attribute ' || key ELSE replace(key, '=', ' ') END AS name
    FROM declared WHERE value IS NOT NULL
),
common AS (
    SELECT name, value FROM named GROUP BY name, value
    QUALIFY row_number() OVER (PARTITION BY name ORDER BY count(*) DESC, value) <= $most_values
),
final AS (
    SELECT user_index, 'gender=' || gender AS column_name, 1.0::FLOAT AS value
    FROM attributes WHERE gender IS NOT NULL
    UNION ALL
    SELECT user_index, 'occupation=' || occupation, 1.0 FROM attributes WHERE occupation IS NOT NULL
    UNION ALL
    SELECT user_index, 'zip=' || CASE WHEN zip[1] BETWEEN '0' AND '9' THEN zip[1] ELSE 'other' END, 1.0
    FROM attributes WHERE zip IS NOT NULL
    UNION ALL
    SELECT user_index, 'age_band=' || bound, 1.0 FROM banded
    UNION ALL
    SELECT user_index, 'age', age / 100.0 FROM attributes WHERE age IS NOT NULL
    UNION ALL
    SELECT user_index, name || '=' || value, 1.0 FROM named SEMI JOIN common USING (name, value)
)
SELECT * FROM final
