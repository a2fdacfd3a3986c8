-- Grain: one row, how many different ratings of known movies there are; more of them are exact repeats.
-- Reads: raw.ratings, core.movies. Writes: nothing.
SELECT count(*) FROM (
    SELECT DISTINCT user_id, movie_id, rating, rated_at FROM raw.ratings
    WHERE movie_id IN (SELECT movie_id FROM core.movies))
