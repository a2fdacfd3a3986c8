-- Grain: one row per (user, movie), as core_ratings.sql makes it, where no pair occurs twice.
-- Reads: raw.ratings, core.movies. Writes: core.ratings.
CREATE OR REPLACE TABLE core.ratings AS
SELECT user_id, movie_id, rating, make_timestamp(rated_at * 1000000) AS rated_at
FROM raw.ratings
WHERE movie_id IN (SELECT movie_id FROM core.movies)
