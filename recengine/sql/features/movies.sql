-- Grain: one row per movie, rated or not. movie_index counts movies by ascending id, 0 first.
-- Reads: core.movies. Writes: features.movies.
CREATE OR REPLACE TABLE features.movies AS
SELECT (row_number() OVER (ORDER BY movie_id) - 1)::INTEGER AS movie_index, movie_id
FROM core.movies ORDER BY movie_index
