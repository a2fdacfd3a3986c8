-- Grain: one row per user and genre in which the user rated a movie >= $liked_from (3 of 1..5 stars): the article's counts.
-- genre_index counts the genres by name, 0 first.
-- Reads: features.ratings, features.movie_values, features.movies, features.users. Writes: features.genre_counts.
CREATE OR REPLACE TABLE features.genre_counts AS
WITH genres AS (
    SELECT movie_id, (dense_rank() OVER (ORDER BY column_name) - 1)::INTEGER AS genre_index
    FROM features.movie_values JOIN features.movies USING (movie_index)
    WHERE starts_with(column_name, 'genre=')
),
-- One list per movie instead of a row per genre: in the transaction that made the tables joined here, DuckDB has no
-- statistics of them and would otherwise group all ratings by user and movie first, which triples the time.
lists AS (
    SELECT movie_id, list(genre_index) AS genre_indices FROM genres GROUP BY movie_id
),
liked AS (
    SELECT user_id, unnest(genre_indices) AS genre_index
    FROM features.ratings JOIN lists USING (movie_id)
    WHERE rating >= $liked_from::FLOAT
),
counted AS (
    SELECT user_id, genre_index, count(*)::FLOAT AS value FROM liked GROUP BY user_id, genre_index
),
final AS (
    SELECT user_index, genre_index, value FROM counted JOIN features.users USING (user_id)
)
SELECT * FROM final ORDER BY user_index, genre_index
