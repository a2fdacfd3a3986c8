-- Grain: one row per line that is usable by itself but that another line or file rules out.
-- Reads: raw.*, core.movies, ops.files. Writes: raw.left_out.
INSERT INTO raw.left_out
WITH unknown_movie AS (
    SELECT file_id, line, 'unknown movie' AS reason
    FROM raw.ratings ANTI JOIN core.movies USING (movie_id)
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
FROM unknown_movie UNION ALL FROM duplicate_movie UNION ALL FROM duplicate_user
