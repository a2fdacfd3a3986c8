-- Grain: one row per film, rated or not. movie_index counts films by ascending id, 0 first; of a film with several
-- ids only the lowest is here.
-- Reads: core.movies, features.twins. Writes: features.movies.
CREATE OR REPLACE TABLE features.movies AS
SELECT (row_number() OVER (ORDER BY movie_id) - 1)::INTEGER AS movie_index, movie_id
FROM core.movies ANTI JOIN features.twins USING (movie_id) ORDER BY movie_index
