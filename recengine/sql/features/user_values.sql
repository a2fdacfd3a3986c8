-- Grain: one row per user and attribute column with a value: "gender=F", "occupation=writer", "zip=9" (its
-- first digit), "age_band=25" (its lower bound), and "age", scaled so that 100 years are 1.
-- Reads: core.users, features.users. Writes: features.user_values.
-- What the data does not know gives no row, so a release without demographics gives no column at all.
CREATE OR REPLACE TABLE features.user_values AS
WITH attributes AS (
    SELECT user_index, gender, age, occupation, zip FROM core.users JOIN features.users USING (user_id)
),
bounds AS (
    SELECT unnest([0, 18, 22, 26, 30, 35, 40, 45, 50, 56]) AS bound
),
banded AS (
    SELECT user_index, max(bound) AS bound FROM attributes JOIN bounds ON bound <= age GROUP BY user_index
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
)
SELECT * FROM final
