-- Ranks are 1..n of each user, genre of a user, movie and segment, each once.
WITH ranked AS (
    SELECT 'user ' || user_id AS owner, rank FROM published.recommendations
    UNION ALL
    SELECT 'user ' || user_id || ' ' || genre, rank FROM published.recommendations_by_genre
    UNION ALL
    SELECT 'movie ' || movie_id, rank FROM published.similar_movies
    UNION ALL
    SELECT 'segment ' || segment, rank FROM published.popular_movies
)
SELECT owner || ' has ranks ' || min(rank) || ' to ' || max(rank) || ' in ' || count(*) || ' rows' AS problem
FROM ranked
GROUP BY owner
HAVING min(rank) <> 1 OR max(rank) <> count(*) OR count(DISTINCT rank) <> count(*)
