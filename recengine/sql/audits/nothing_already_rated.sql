-- No user is recommended a movie the user rated.
SELECT 'user ' || user_id || ' has rated movie ' || movie_id AS problem
FROM published.recommendations SEMI JOIN core.ratings USING (user_id, movie_id)
