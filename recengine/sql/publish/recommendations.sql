-- Grain: one row per user and rank.
-- Reads: scores.recommendations, scores.variants, scores.origin. Writes: published.recommendations.
CREATE TABLE published.recommendations (
    user_id BIGINT NOT NULL,
    rank INTEGER NOT NULL,
    movie_id BIGINT NOT NULL,
    score FLOAT NOT NULL,
    predicted_rating FLOAT,
    model_id VARCHAR NOT NULL,
    generated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    relevance FLOAT,
    variant VARCHAR
);
COMMENT ON TABLE published.recommendations IS 'One row is a user''s rank-th recommendation.';
COMMENT ON COLUMN published.recommendations.user_id IS 'the user, as in users';
COMMENT ON COLUMN published.recommendations.rank IS '1 is the best; no gaps';
COMMENT ON COLUMN published.recommendations.movie_id IS 'the movie, as in movies';
COMMENT ON COLUMN published.recommendations.score IS 'what the list is sorted by; comparable within one user''s list only';
COMMENT ON COLUMN published.recommendations.predicted_rating IS 'expected rating on the data''s scale; NULL where the data has no ratings or the model predicts none';
COMMENT ON COLUMN published.recommendations.model_id IS 'the model that made the row';
COMMENT ON COLUMN published.recommendations.generated_at IS 'when the lists were scored';
COMMENT ON COLUMN published.recommendations.relevance IS 'the score as a share of the user''s best, 1 for rank 1, at least 0; no probability; NULL where the best is not above 0';
COMMENT ON COLUMN published.recommendations.variant IS 'the kind of lists that a hash of the user gives the user, as publication.variants names them; NULL where there is one kind';
INSERT INTO published.recommendations BY NAME
WITH best AS (
    SELECT user_id, score AS best FROM scores.recommendations WHERE rank = 1
)
SELECT user_id, rank, movie_id, score, predicted_rating, model_id,
    generated_at AT TIME ZONE 'UTC' AS generated_at,
    CASE WHEN best > 0 THEN greatest(score, 0) / best END AS relevance,
    variant
FROM scores.recommendations LEFT JOIN best USING (user_id) LEFT JOIN scores.variants USING (user_id) CROSS JOIN scores.origin
ORDER BY user_id, rank
