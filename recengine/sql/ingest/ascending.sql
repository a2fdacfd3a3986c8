-- Grain: one row, whether every (user, movie) of a file is above the one before it, so that none occurs twice.
-- Reads: raw.ratings. Writes: nothing.
-- True of the releases' csv files, and found in a twentieth of the time that grouping takes. A wrong order of
-- reading could only make it false.
WITH neighbours AS (
    SELECT user_id, movie_id, lag(user_id) OVER () AS user_before, lag(movie_id) OVER () AS movie_before
    FROM raw.ratings WHERE file_id = $file_id
)
SELECT coalesce(bool_and(
    user_before IS NULL OR user_id > user_before OR (user_id = user_before AND movie_id > movie_before)), true)
FROM neighbours
