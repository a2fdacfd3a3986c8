-- Grain: one row per usable line of a ratings file.
-- Reads: {records}, the file as line and four DOUBLE columns. Writes: raw.ratings.
INSERT INTO raw.ratings
SELECT $file_id, line, user_id::BIGINT, movie_id::BIGINT, rating::FLOAT, rated_at::BIGINT
FROM {records}
WHERE rating_reason(user_id, movie_id, rating, rated_at) IS NULL
