-- Grain: one row per user, as ingested; user_key is the id as the source writes it. The zip code stays in the warehouse: no reader of lists needs it.
-- Reads: core.users. Writes: published.users.
CREATE TABLE published.users AS
SELECT user_id, gender, age, occupation, ratings, first_rated_at, last_rated_at, attributes,
    coalesce(user_key, user_id::VARCHAR) AS user_key
FROM core.users ORDER BY user_id
