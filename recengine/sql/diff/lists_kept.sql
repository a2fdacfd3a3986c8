-- Grain: one row per user and rank, of lists as outcomes.lists keeps them.
-- Reads: {records} (a scan of the file). Writes: the temporary view {view}.
CREATE TEMP VIEW {view} AS
SELECT user_id, unnest(movies) AS movie_id, generate_subscripts(movies, 1)::INTEGER AS rank
FROM {records}
