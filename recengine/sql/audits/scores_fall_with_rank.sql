-- Scores are finite and never rise with rank; equal scores are ordered by movie id, but for
-- movies that a rule pins, which stand in its order.
WITH listed AS (
    SELECT 'user ' || user_id AS owner, rank, movie_id, score FROM published.recommendations
    UNION ALL
    SELECT 'user ' || user_id || ' ' || genre, rank, movie_id, score FROM published.recommendations_by_genre
    UNION ALL
    SELECT 'movie ' || movie_id, rank, similar_movie_id, score FROM published.similar_movies
    UNION ALL
    SELECT 'segment ' || segment, rank, movie_id, score FROM published.popular_movies
),
neighbours AS (
    SELECT
        *,
        lag(score) OVER (PARTITION BY owner ORDER BY rank) AS score_before,
        lag(movie_id) OVER (PARTITION BY owner ORDER BY rank) AS movie_before
    FROM listed
)
SELECT owner || ' rank ' || rank || ' has score ' || coalesce(score::VARCHAR, 'NULL') || ' after '
    || coalesce(score_before::VARCHAR, 'nothing') AS problem
FROM neighbours
WHERE score IS NULL OR NOT isfinite(score) OR score > score_before
    OR (score = score_before AND movie_id < movie_before AND movie_before NOT IN (
        SELECT movie_id FROM scores.rules JOIN scores.rule_rows ON rule = name WHERE kind = 'pin'))
