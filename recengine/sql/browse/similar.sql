-- Grain: one row per rank of a movie's neighbours.
-- Reads: similar_movies_detailed (of the published file). Writes: nothing.
SELECT rank, similar_movie_id AS movie_id, similar_title AS title, similar_year AS year, similar_genres AS genres,
    similarity
FROM similar_movies_detailed WHERE movie_id = $movie_id ORDER BY rank
