-- Grain: one row per rank of one user's list; for a user nobody knows, of the popular movies.
-- A known user may have no row: who has rated every movie.
-- Reads: recommendations, popular_movies, movies, users (of the published file). Writes: nothing.
WITH known AS (
    SELECT rank, movie_id, score, predicted_rating, 'recommendations' AS source
    FROM recommendations WHERE user_id = $user_id
),
fallback AS (
    SELECT rank, movie_id, score, NULL::FLOAT AS predicted_rating, 'popular_movies' AS source
    FROM popular_movies, publication
    WHERE segment = 'all' AND rank <= top_n AND NOT EXISTS (FROM users WHERE user_id = $user_id)
),
final AS (
    FROM known UNION ALL FROM fallback
)
SELECT rank, movie_id, title, year, genres, score, predicted_rating, source
FROM final JOIN movies USING (movie_id)
WHERE rank <= $n
ORDER BY rank
