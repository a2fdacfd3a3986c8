-- No list holds a film twice, under whatever ids; only films with several ids are looked at, no_duplicates has the rest.
WITH several AS (
    SELECT movie_id, film_id FROM published.movies
    QUALIFY count(*) OVER (PARTITION BY film_id) > 1
),
listed AS (
    SELECT 'user ' || user_id AS owner, film_id FROM published.recommendations JOIN several USING (movie_id)
    UNION ALL
    SELECT 'user ' || user_id || ' ' || genre, film_id
    FROM published.recommendations_by_genre JOIN several USING (movie_id)
    UNION ALL
    SELECT 'movie ' || s.movie_id, film_id
    FROM published.similar_movies AS s JOIN several AS t ON t.movie_id = s.similar_movie_id
    UNION ALL
    SELECT 'segment ' || segment, film_id FROM published.popular_movies JOIN several USING (movie_id)
)
SELECT owner || ' lists the film of movie ' || film_id || ' ' || count(*) || ' times' AS problem
FROM listed GROUP BY owner, film_id HAVING count(*) > 1
