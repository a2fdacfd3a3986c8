-- Grain: one row per usable line of a ratings file, in its order; where no line is missing, row i is data line i.
-- Reads: {records}, the file as four DOUBLE columns. Writes: raw.ratings_{file_id}.
CREATE OR REPLACE TABLE raw.ratings_{file_id} AS
SELECT user_id::BIGINT AS user_id, movie_id::BIGINT AS movie_id, stored(rating) AS rating, rated_at::BIGINT AS rated_at
FROM {records}
WHERE rating_reason(user_id, movie_id, rating, rated_at) IS NULL AND NOT bad_id(user_id) AND NOT bad_id(movie_id)
