-- Grain: one row per movie whose title holds $text, in any case, the most rated first, $most at most.
-- Reads: movies (of the published file). Writes: nothing.
SELECT movie_id, title, year, genres, ratings, mean_rating
FROM movies WHERE contains(lower(title), lower($text)) ORDER BY ratings DESC, movie_id LIMIT $most
