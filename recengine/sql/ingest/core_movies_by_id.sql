-- Grain: one row per movie that a rating names, called by its id: there is no movies file.
-- Reads: raw.ratings. Writes: core.movies.
CREATE OR REPLACE TABLE core.movies AS
SELECT
    movie_id, movie_id::VARCHAR AS title, NULL::INTEGER AS year, []::VARCHAR[] AS genres,
    MAP {}::MAP(VARCHAR, VARCHAR[]) AS categories
FROM (SELECT DISTINCT movie_id FROM raw.ratings)
ORDER BY movie_id
