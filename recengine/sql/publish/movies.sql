-- Grain: one row per movie id, as ingested, with what the ratings of its film say. film_id is the id under which the
-- film is listed: its own, but for ids of films that have a lower one too.
-- Reads: core.movies, features.twins, features.ratings, ops.dataset. Writes: published.movies. Where the data has no
-- ratings but only who took what, there is no mean of them.
CREATE TABLE published.movies AS
WITH rated AS (
    SELECT movie_id AS film_id, count(*) AS ratings, avg(rating)::FLOAT AS mean_rating
    FROM features.ratings GROUP BY movie_id
),
films AS (
    SELECT movie_id, title, year, genres, categories, movie_key, coalesce(film_id, movie_id) AS film_id
    FROM core.movies LEFT JOIN features.twins USING (movie_id)
)
SELECT
    movie_id, title, year, genres, coalesce(ratings, 0) AS ratings,
    CASE WHEN (SELECT scale_low FROM ops.dataset) IS NOT NULL THEN mean_rating END AS mean_rating,
    film_id, categories, coalesce(movie_key, movie_id::VARCHAR) AS movie_key
FROM films LEFT JOIN rated USING (film_id)
ORDER BY movie_id
