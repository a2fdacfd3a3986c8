-- Grain: one row per user that a users file or a rating names; only-rated users have no attributes.
-- Reads: raw.users, raw.user_keys, ops.files, core.ratings. Writes: core.users.
CREATE OR REPLACE TABLE core.users AS
WITH described AS (
    SELECT user_id, gender, age, occupation, zip, attributes
    FROM raw.users JOIN ops.files USING (file_id)
    QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY stem(name), name, line) = 1
),
activity AS (
    SELECT user_id, count(*) AS ratings, min(rated_at) AS first_rated_at, max(rated_at) AS last_rated_at
    FROM core.ratings GROUP BY user_id
),
keys AS (
    SELECT user_id, min(user_key) AS user_key FROM raw.user_keys GROUP BY user_id
),
final AS (
    SELECT
        user_id, gender, age, occupation, zip,
        coalesce(ratings, 0) AS ratings, first_rated_at, last_rated_at,
        coalesce(attributes, MAP {}) AS attributes, user_key
    FROM described FULL JOIN activity USING (user_id) LEFT JOIN keys USING (user_id)
)
SELECT * FROM final ORDER BY user_id
