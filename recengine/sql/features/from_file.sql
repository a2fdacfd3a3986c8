-- Grain: one row per film that a user rates in a given file, under any of its ids; what is no rating on the data's
-- scale does not count.
-- Reads: raw.ratings, raw.left_out, ops.files, features.users, features.movies, features.twins. Writes: nothing.
WITH rated AS (
    SELECT user_id, coalesce(film_id, movie_id) AS movie_id
    FROM raw.ratings JOIN ops.files USING (file_id) LEFT JOIN features.twins USING (movie_id)
    ANTI JOIN (FROM raw.left_out WHERE starts_with(reason, 'rating ')) AS off_scale USING (file_id, line)
    WHERE name = $name
)
SELECT DISTINCT user_index, movie_index
FROM rated JOIN features.users USING (user_id) JOIN features.movies USING (movie_id)
