-- No user is recommended a movie the user rated.
WITH listed AS (
    SELECT user_id, movie_id FROM published.recommendations
    UNION ALL
    SELECT user_id, movie_id FROM published.recommendations_by_genre
)
SELECT 'user ' || user_id || ' has rated movie ' || movie_id AS problem
FROM listed SEMI JOIN core.ratings USING (user_id, movie_id)
