-- At most three of a genre in a list.
-- parameter: most = 3
SELECT movie_id, unnest(genres) AS value, $most AS most
FROM core.movies
