-- Films of the last ten years only, seen from the newest rating, and those whose year nobody knows.
-- parameter: years = 10
SELECT movie_id
FROM core.movies
WHERE year IS NULL OR year > (SELECT max(year(rated_at)) FROM core.ratings) - $years
