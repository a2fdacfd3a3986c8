-- Grain: one row per movie, as ingested, with what its ratings say.
-- Reads: core.movies, core.ratings. Writes: published.movies.
CREATE TABLE published.movies AS
WITH rated AS (
    SELECT movie_id, count(*) AS ratings, avg(rating)::FLOAT AS mean_rating FROM core.ratings GROUP BY movie_id
)
SELECT movie_id, title, year, genres, coalesce(ratings, 0) AS ratings, mean_rating
FROM core.movies LEFT JOIN rated USING (movie_id)
ORDER BY movie_id
