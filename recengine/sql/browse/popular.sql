-- Grain: one row per rank of a segment's popular movies.
-- Reads: popular_movies_detailed (of the published file). Writes: nothing.
SELECT rank, movie_id, title, year, genres, popularity
FROM popular_movies_detailed WHERE segment = $segment ORDER BY rank
