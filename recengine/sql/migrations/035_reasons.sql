-- One row per user, rank and reason: the strongest parts of a score and, last, the rest; what came of explaining.
CREATE TABLE scores.reasons (
    user_id BIGINT NOT NULL, rank INTEGER NOT NULL, reason INTEGER NOT NULL, kind VARCHAR NOT NULL,
    because_movie_id BIGINT, attribute VARCHAR, part FLOAT NOT NULL, share FLOAT NOT NULL
);
ALTER TABLE scores.origin ADD COLUMN reasons VARCHAR DEFAULT 'off';
