-- Grain: one row per user, genre and rank.
-- Reads: scores.recommendations_by_genre. Writes: published.recommendations_by_genre.
CREATE TABLE published.recommendations_by_genre (
    user_id BIGINT NOT NULL,
    genre VARCHAR NOT NULL,
    rank INTEGER NOT NULL,
    movie_id BIGINT NOT NULL,
    score FLOAT NOT NULL,
    predicted_rating FLOAT
);
COMMENT ON TABLE published.recommendations_by_genre IS 'One row is a user''s rank-th best movie of a genre, by the model''s scores alone; empty unless score.genre_n asks for it.';
COMMENT ON COLUMN published.recommendations_by_genre.user_id IS 'the user, as in users';
COMMENT ON COLUMN published.recommendations_by_genre.genre IS 'one of movies.genres';
COMMENT ON COLUMN published.recommendations_by_genre.rank IS '1 is the best of the genre; no gaps';
COMMENT ON COLUMN published.recommendations_by_genre.movie_id IS 'the movie, as in movies; one of several genres is in the list of each';
COMMENT ON COLUMN published.recommendations_by_genre.score IS 'what the list is sorted by; comparable within one user''s lists only';
COMMENT ON COLUMN published.recommendations_by_genre.predicted_rating IS 'expected rating on the data''s scale; NULL where the data has no ratings or the model predicts none';
INSERT INTO published.recommendations_by_genre BY NAME
FROM scores.recommendations_by_genre ORDER BY user_id, genre, rank
