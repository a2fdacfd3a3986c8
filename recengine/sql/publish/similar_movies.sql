-- Grain: one row per movie and neighbour.
-- Reads: scores.similar_movies. Writes: published.similar_movies.
CREATE TABLE published.similar_movies AS
SELECT movie_id, rank, similar_movie_id, score FROM scores.similar_movies ORDER BY movie_id, rank
