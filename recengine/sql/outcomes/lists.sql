-- Grain: one row per user of a range of ids, with the list that a published file has for the user, in order of rank.
-- Reads: recommendations (of the published file). Writes: nothing.
SELECT user_id, {variant} AS variant, any_value(model_id) AS model_id, list(movie_id ORDER BY rank) AS movies
FROM recommendations
WHERE user_id BETWEEN $first AND $last
GROUP BY ALL ORDER BY user_id
