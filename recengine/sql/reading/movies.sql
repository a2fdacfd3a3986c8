-- Grain: one row per movie id, as ingested; film is the id under which its film is listed.
-- Reads: movies (of a published file, or made by publish/movies). Writes: nothing.
SELECT movie_id, title, year, genres, {film} AS film_id, {key} AS movie_key FROM movies ORDER BY movie_id
