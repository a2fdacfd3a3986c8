-- Grain: one row per line of a ratings file that the reader could split.
-- Reads: {relation}, a ratings file as four DOUBLE columns. Writes: raw.ratings, usable lines only.
INSERT INTO raw.ratings
SELECT $file_id, user_id::BIGINT, movie_id::BIGINT, rating::FLOAT, rated_at::BIGINT
FROM {relation}
WHERE rating_reason(user_id, movie_id, rating, rated_at) IS NULL
