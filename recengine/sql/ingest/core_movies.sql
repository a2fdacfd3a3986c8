-- Grain: one row per movie; of several lines with one id the first counts (file by name, then line).
-- Reads: raw.movies, ops.files. Writes: core.movies.
CREATE OR REPLACE TABLE core.movies AS
SELECT movie_id, title, year, genres, categories
FROM raw.movies JOIN ops.files USING (file_id)
QUALIFY row_number() OVER (PARTITION BY movie_id ORDER BY stem(name), name, line) = 1
ORDER BY movie_id
