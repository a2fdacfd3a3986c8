-- No list holds a movie twice.
WITH listed AS (
    SELECT 'user ' || user_id AS owner, movie_id FROM published.recommendations
    UNION ALL
    SELECT 'user ' || user_id || ' ' || genre, movie_id FROM published.recommendations_by_genre
    UNION ALL
    SELECT 'movie ' || movie_id, similar_movie_id FROM published.similar_movies
    UNION ALL
    SELECT 'segment ' || segment, movie_id FROM published.popular_movies
)
SELECT owner || ' lists movie ' || movie_id || ' ' || count(*) || ' times' AS problem
FROM listed GROUP BY owner, movie_id HAVING count(*) > 1
