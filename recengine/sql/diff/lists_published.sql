-- Grain: one row per user and rank, of an attached published file.
-- Reads: {file}.recommendations. Writes: the temporary view {view}.
CREATE TEMP VIEW {view} AS SELECT user_id, movie_id, rank FROM {file}.recommendations
