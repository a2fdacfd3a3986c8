-- Grain: one row per user. user_index counts users by ascending id, 0 first: dense, and the same for the
-- same ids whatever happened before, so that one input always gives the same tables.
-- Reads: core.users. Writes: features.users.
CREATE OR REPLACE TABLE features.users AS
SELECT (row_number() OVER (ORDER BY user_id) - 1)::INTEGER AS user_index, user_id
FROM core.users ORDER BY user_index
