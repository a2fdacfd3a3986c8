-- Grain: one row per user with a rating: months between the user's first rating and the newest rating of all.
-- Reads: features.interactions. Writes: features.registration_months.
CREATE OR REPLACE TABLE features.registration_months AS
WITH newest AS (
    SELECT max(rated_at) AS rated_at FROM features.interactions
)
SELECT
    user_index,
    (((SELECT rated_at FROM newest) - min(rated_at)) / $seconds_per_month)::FLOAT AS value
FROM features.interactions
GROUP BY user_index
ORDER BY user_index
