-- Every recommended movie is in the movies table, and no movie is its own neighbour.
WITH listed AS (
    SELECT movie_id FROM published.recommendations
    UNION ALL
    SELECT movie_id FROM published.recommendations_by_genre
    UNION ALL
    SELECT movie_id FROM published.popular_movies
    UNION ALL
    SELECT movie_id FROM published.similar_movies
    UNION ALL
    SELECT similar_movie_id FROM published.similar_movies
)
SELECT DISTINCT 'movie ' || movie_id || ' is not in movies' AS problem
FROM listed ANTI JOIN published.movies USING (movie_id)
UNION ALL
SELECT 'movie ' || movie_id || ' is its own neighbour' FROM published.similar_movies
WHERE movie_id = similar_movie_id
