-- Grain: one row per movie; of several lines with one id the first counts (file by name, then line).
-- Reads: raw.movies, raw.movie_keys, ops.files. Writes: core.movies.
CREATE OR REPLACE TABLE core.movies AS
WITH keys AS (
    SELECT movie_id, min(movie_key) AS movie_key FROM raw.movie_keys GROUP BY movie_id
)
SELECT movie_id, title, year, genres, categories, movie_key
FROM raw.movies JOIN ops.files USING (file_id) LEFT JOIN keys USING (movie_id)
QUALIFY row_number() OVER (PARTITION BY movie_id ORDER BY stem(name), name, line) = 1
ORDER BY movie_id
