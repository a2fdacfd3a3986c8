-- Grain: one row per user and genre in which the user rated a movie >= 3 stars: the article's counts.
-- genre_index counts the genres by name, 0 first.
-- Reads: core.ratings, features.movie_values, features.movies, features.users. Writes: features.genre_counts.
CREATE OR REPLACE TABLE features.genre_counts AS
WITH genres AS (
    SELECT movie_id, (dense_rank() OVER (ORDER BY column_name) - 1)::INTEGER AS genre_index
    FROM features.movie_values JOIN features.movies USING (movie_index)
    WHERE starts_with(column_name, 'genre=')
),
counted AS (
    SELECT user_id, genre_index, count(*)::FLOAT AS value
    FROM core.ratings JOIN genres USING (movie_id)
    WHERE rating >= $liked_from
    GROUP BY user_id, genre_index
),
final AS (
    SELECT user_index, genre_index, value FROM counted JOIN features.users USING (user_id)
)
SELECT * FROM final ORDER BY user_index, genre_index
