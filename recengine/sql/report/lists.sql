-- Grain: one row per user and rank, for the $n users of the lowest ids that have a list.
-- Reads: recommendations_detailed, users (of a published file, {schema}). Writes: nothing.
SELECT user_id, rank, title
FROM {schema}.recommendations_detailed
WHERE user_id IN (SELECT DISTINCT user_id FROM published.recommendations ORDER BY user_id LIMIT $n)
ORDER BY user_id, rank
