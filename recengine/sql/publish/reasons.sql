-- Grain: one row per user, rank and reason.
-- Reads: scores.reasons, published.recommendations. Writes: published.reasons.
CREATE TABLE published.reasons (
    user_id BIGINT NOT NULL,
    rank INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    because_movie_id BIGINT,
    attribute VARCHAR,
    share FLOAT NOT NULL,
    part FLOAT NOT NULL
);
COMMENT ON TABLE published.reasons IS 'One row is one part of a recommendation''s score: the strongest that speak for the movie, and all others as one row. Parts add up to the score, an audit proves it. Empty where publication.reasons says why.';
COMMENT ON COLUMN published.reasons.user_id IS 'the user, as in users';
COMMENT ON COLUMN published.reasons.rank IS 'which of the user''s recommendations';
COMMENT ON COLUMN published.reasons.reason IS '1 speaks most for the movie; the last one is the rest; no gaps';
COMMENT ON COLUMN published.reasons.kind IS 'movie: one that the user rated; attribute: of the user; popularity: how many rate it at all; trend: how many do now, compared with then; rule: what rules added; variety: what the switches of the lists did; rest: all others, also those against the movie';
COMMENT ON COLUMN published.reasons.because_movie_id IS 'of kind movie, which one, as in movies; else NULL';
COMMENT ON COLUMN published.reasons.attribute IS 'of kind attribute, name and value, such as occupation=writer; else NULL';
COMMENT ON COLUMN published.reasons.share IS 'part as a share of the sizes of all parts, listed or not, whether for or against the movie: -1 to 1, below 0 only of the rest';
COMMENT ON COLUMN published.reasons.part IS 'what it adds to recommendations.score, in the score''s unit';
INSERT INTO published.reasons BY NAME
SELECT reasons.*
FROM scores.reasons AS reasons SEMI JOIN published.recommendations USING (user_id, rank)
ORDER BY user_id, rank, reason
