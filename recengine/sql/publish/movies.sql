-- Grain: one row per movie id, as ingested, with what the ratings of its film say. film_id is the id under which the
-- film is listed: its own, but for ids of films that have a lower one too.
-- Reads: core.movies, features.twins, features.ratings, ops.dataset. Writes: published.movies. Where the data has no
-- ratings but only who took what, there is no mean of them.
CREATE TABLE published.movies (
    movie_id BIGINT PRIMARY KEY,
    title VARCHAR NOT NULL,
    year INTEGER,
    genres VARCHAR[] NOT NULL,
    ratings BIGINT NOT NULL,
    mean_rating FLOAT,
    film_id BIGINT NOT NULL,
    categories MAP(VARCHAR, VARCHAR[]),
    movie_key VARCHAR NOT NULL,
    genres_text VARCHAR NOT NULL
);
COMMENT ON TABLE published.movies IS 'One row is a movie id of the source.';
COMMENT ON COLUMN published.movies.movie_id IS 'the source''s id, or the number that stands for a text id';
COMMENT ON COLUMN published.movies.title IS 'as the source writes it';
COMMENT ON COLUMN published.movies.year IS 'of release; NULL where unknown';
COMMENT ON COLUMN published.movies.genres IS 'a list, empty where none is known; ''Drama'' = ANY(genres) tests for one';
COMMENT ON COLUMN published.movies.ratings IS 'how many users rated the film';
COMMENT ON COLUMN published.movies.mean_rating IS 'their mean; NULL where there is none';
COMMENT ON COLUMN published.movies.film_id IS 'the id under which a film with several ids is listed: the lowest of those with one title and year';
COMMENT ON COLUMN published.movies.categories IS 'further columns that a dataset.toml declares, such as categories[''director'']';
COMMENT ON COLUMN published.movies.movie_key IS 'the id as the source writes it';
COMMENT ON COLUMN published.movies.genres_text IS 'the genres as one text, such as Action|Comedy; LIKE ''%Comedy%'' works on it';
INSERT INTO published.movies BY NAME
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
    film_id, categories, coalesce(movie_key, movie_id::VARCHAR) AS movie_key,
    array_to_string(genres, '|') AS genres_text
FROM films LEFT JOIN rated USING (film_id)
ORDER BY movie_id
