-- No user is recommended a film the user rated under another of its ids.
WITH several AS (
    SELECT movie_id, film_id FROM published.movies
    QUALIFY count(*) OVER (PARTITION BY film_id) > 1
),
listed AS (
    SELECT user_id, movie_id FROM published.recommendations
    UNION ALL
    SELECT user_id, movie_id FROM published.recommendations_by_genre
),
rated AS (
    SELECT user_id, movie_id AS rated_id, film_id FROM core.ratings JOIN several USING (movie_id)
)
SELECT 'user ' || user_id || ' has rated movie ' || movie_id || ' as movie ' || rated_id AS problem
FROM listed JOIN several USING (movie_id) JOIN rated USING (user_id, film_id)
WHERE movie_id <> rated_id
