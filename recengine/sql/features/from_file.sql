-- Grain: one row per rating that a given file holds.
-- Reads: raw.ratings, ops.files, features.users, features.movies. Writes: nothing.
SELECT DISTINCT user_index, movie_index
FROM raw.ratings
JOIN ops.files USING (file_id)
JOIN features.users USING (user_id)
JOIN features.movies USING (movie_id)
WHERE name = $name
