-- Grain: one row per line that is usable by itself but that another line or file rules out.
-- Reads: raw.*, core.movies, ops.files. Writes: raw.left_out. {some_off_scale} is false where no rating is.
INSERT INTO raw.left_out
WITH off_scale AS (
    SELECT file_id, line, off_scale(rating) AS reason
    FROM raw.ratings WHERE {some_off_scale} AND off_scale(rating) IS NOT NULL
),
unknown_movie AS (
    SELECT file_id, line, 'unknown movie' AS reason
    FROM raw.ratings ANTI JOIN core.movies USING (movie_id)
    WHERE NOT {some_off_scale} OR off_scale(rating) IS NULL
),
duplicate_movie AS (
    SELECT file_id, line, 'duplicate movie' AS reason
    FROM raw.movies JOIN ops.files USING (file_id)
    QUALIFY row_number() OVER (PARTITION BY movie_id ORDER BY stem(name), name, line) > 1
),
duplicate_user AS (
    SELECT file_id, line, 'duplicate user' AS reason
    FROM raw.users JOIN ops.files USING (file_id)
    QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY stem(name), name, line) > 1
)
FROM off_scale UNION ALL FROM unknown_movie UNION ALL FROM duplicate_movie UNION ALL FROM duplicate_user
