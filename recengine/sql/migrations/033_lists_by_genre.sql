-- The best of each genre for each user, where that is asked for, and how many of each were: 0 of what was scored before.
CREATE TABLE scores.recommendations_by_genre (
    user_id BIGINT NOT NULL, genre VARCHAR NOT NULL, rank INTEGER NOT NULL, movie_id BIGINT NOT NULL,
    score FLOAT NOT NULL, predicted_rating FLOAT
);
ALTER TABLE scores.origin ADD COLUMN genre_n INTEGER DEFAULT 0;
