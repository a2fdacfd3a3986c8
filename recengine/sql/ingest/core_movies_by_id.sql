-- Grain: one row per movie that a rating names, called by its id: there is no movies file.
-- Reads: raw.ratings, raw.movie_keys. Writes: core.movies.
CREATE OR REPLACE TABLE core.movies AS
WITH keys AS (
    SELECT movie_id, min(movie_key) AS movie_key FROM raw.movie_keys GROUP BY movie_id
)
SELECT
    movie_id, coalesce(movie_key, movie_id::VARCHAR) AS title, NULL::INTEGER AS year, []::VARCHAR[] AS genres,
    MAP {}::MAP(VARCHAR, VARCHAR[]) AS categories, movie_key
FROM (SELECT DISTINCT movie_id FROM raw.ratings) LEFT JOIN keys USING (movie_id)
ORDER BY movie_id
