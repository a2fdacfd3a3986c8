-- Grain: one row per user with a rating: months between the user's first rating and the newest rating of all.
-- Reads: core.users, features.users. Writes: features.registration_months.
CREATE OR REPLACE TABLE features.registration_months AS
WITH newest AS (
    SELECT max(last_rated_at) AS rated_at FROM core.users
)
SELECT
    user_index,
    ((epoch((SELECT rated_at FROM newest)) - epoch(first_rated_at)) / $seconds_per_month)::FLOAT AS value
FROM core.users JOIN features.users USING (user_id)
WHERE first_rated_at IS NOT NULL
ORDER BY user_index
