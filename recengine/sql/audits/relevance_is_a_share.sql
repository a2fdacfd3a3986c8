-- Relevance is the score's share of the user's best: 1 at rank 1, between 0 and 1 below it, and nowhere without one above 0.
WITH best AS (
    SELECT user_id, score AS best FROM published.recommendations WHERE rank = 1
)
SELECT 'user ' || user_id || ' rank ' || rank || ' has relevance ' || coalesce(relevance::VARCHAR, 'NULL') AS problem
FROM published.recommendations JOIN best USING (user_id)
WHERE CASE WHEN best > 0
    THEN relevance IS NULL OR NOT relevance BETWEEN 0 AND 1 OR abs(relevance - greatest(score, 0) / best) > 1e-5
    ELSE relevance IS NOT NULL END
