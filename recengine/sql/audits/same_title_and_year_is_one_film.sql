-- Movies with one title and year have one film, which is one of their own ids, so that the audits of films see them all.
SELECT 'movies ' || min(movie_id) || ' and ' || max(movie_id) || ' are both ' || title || ' but not one film' AS problem
FROM published.movies WHERE year IS NOT NULL
GROUP BY title, year HAVING count(DISTINCT film_id) > 1
UNION ALL
SELECT 'movie ' || movie_id || ' has the film ' || film_id || ', which is no film of its own'
FROM published.movies AS m
WHERE NOT EXISTS (FROM published.movies AS film WHERE film.movie_id = m.film_id AND film.film_id = m.film_id)
