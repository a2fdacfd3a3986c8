-- No movie's neighbour is the same film under another id.
WITH several AS (
    SELECT movie_id, film_id FROM published.movies
    QUALIFY count(*) OVER (PARTITION BY film_id) > 1
)
SELECT 'movie ' || s.movie_id || ' has its own film as neighbour, movie ' || similar_movie_id AS problem
FROM published.similar_movies AS s
JOIN several AS own USING (movie_id)
JOIN several AS other ON other.movie_id = s.similar_movie_id AND other.film_id = own.film_id
WHERE s.movie_id <> similar_movie_id
