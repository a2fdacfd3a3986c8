-- Grain: one row per user and rank.
-- Reads: scores.recommendations, scores.origin. Writes: published.recommendations.
CREATE TABLE published.recommendations AS
SELECT user_id, rank, movie_id, score, predicted_rating, model_id, generated_at
FROM scores.recommendations, scores.origin
ORDER BY user_id, rank
