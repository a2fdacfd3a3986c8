-- Grain: one row per film that a user rates in a given file, under any of its ids.
-- Reads: raw.ratings, ops.files, features.users, features.movies, features.twins. Writes: nothing.
WITH rated AS (
    SELECT user_id, coalesce(film_id, movie_id) AS movie_id
    FROM raw.ratings JOIN ops.files USING (file_id) LEFT JOIN features.twins USING (movie_id)
    WHERE name = $name
)
SELECT DISTINCT user_index, movie_index
FROM rated JOIN features.users USING (user_id) JOIN features.movies USING (movie_id)
