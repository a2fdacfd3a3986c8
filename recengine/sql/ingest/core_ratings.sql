-- Grain: one row per (user, movie), the newest rating. Nothing is copied: where raw.left_out names no rating,
-- it is not joined either. {rating} is the stored one, or 1 where there are no ratings but only who took what.
-- Reads: raw.ratings, raw.left_out. Writes: the view core.ratings.
CREATE OR REPLACE VIEW core.ratings AS
SELECT user_id, movie_id, {rating} AS rating, make_timestamp(rated_at * 1000000) AS rated_at
FROM raw.ratings
{left_out}
