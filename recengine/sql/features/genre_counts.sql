-- Grain: one row per user and genre in which the user rated a movie >= 3 stars: the article's counts.
-- genre_index counts the genres by name, 0 first.
-- Reads: features.interactions, features.movie_values. Writes: features.genre_counts.
CREATE OR REPLACE TABLE features.genre_counts AS
WITH genres AS (
    SELECT movie_index, (dense_rank() OVER (ORDER BY column_name) - 1)::INTEGER AS genre_index
    FROM features.movie_values WHERE starts_with(column_name, 'genre=')
),
final AS (
    SELECT user_index, genre_index, count(*)::FLOAT AS value
    FROM features.interactions JOIN genres USING (movie_index)
    WHERE interactions.value >= $liked_from
    GROUP BY user_index, genre_index
)
SELECT * FROM final ORDER BY user_index, genre_index
