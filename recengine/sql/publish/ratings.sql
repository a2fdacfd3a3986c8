-- Grain: one row per user and movie: what the user has seen, the newest rating of each; none unless $wanted.
-- Reads: core.ratings, ops.dataset. Writes: published.ratings.
CREATE TABLE published.ratings (
    user_id BIGINT NOT NULL,
    movie_id BIGINT NOT NULL,
    rating FLOAT,
    rated_at TIMESTAMP WITH TIME ZONE
);
COMMENT ON TABLE published.ratings IS 'One row is what a user has rated: her newest rating of a movie. Empty where publish.ratings is off.';
COMMENT ON COLUMN published.ratings.user_id IS 'the user, as in users; rows of a user stand together';
COMMENT ON COLUMN published.ratings.movie_id IS 'the movie, as in movies, under the id that was rated';
COMMENT ON COLUMN published.ratings.rating IS 'on the data''s scale; NULL where the data has no ratings but only who took what';
COMMENT ON COLUMN published.ratings.rated_at IS 'NULL where ratings are undated';
INSERT INTO published.ratings BY NAME
SELECT
    user_id,
    movie_id,
    CASE WHEN (SELECT scale_low FROM ops.dataset) IS NOT NULL THEN rating END AS rating,
    -- the instant of a UTC time, at a third of the price of AT TIME ZONE; 0 stands for no time
    make_timestamptz(nullif(epoch_us(rated_at), 0)) AS rated_at
FROM core.ratings
WHERE $wanted
ORDER BY user_id, movie_id
