-- Grain: one row per user, as ingested.
-- Reads: users (of a published file, or made by publish/users). Writes: nothing.
SELECT user_id, gender, age, occupation, ratings, {key} AS user_key FROM users ORDER BY user_id
