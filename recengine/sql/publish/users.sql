-- Grain: one row per user, as ingested. The zip code stays in the warehouse: no reader of lists needs it.
-- Reads: core.users. Writes: published.users.
CREATE TABLE published.users AS
SELECT user_id, gender, age, occupation, ratings, first_rated_at, last_rated_at, attributes
FROM core.users ORDER BY user_id
