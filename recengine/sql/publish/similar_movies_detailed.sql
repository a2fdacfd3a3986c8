-- Grain: one row per movie and neighbour, with the titles of both.
-- Reads: similar_movies, movies (of the published file). Writes: the view similar_movies_detailed.
CREATE VIEW published.similar_movies_detailed AS
SELECT s.*, m.title, n.title AS similar_title, n.genres AS similar_genres, n.year AS similar_year, n.genres_text AS similar_genres_text
FROM similar_movies AS s
JOIN movies AS m USING (movie_id)
JOIN movies AS n ON n.movie_id = s.similar_movie_id;
COMMENT ON VIEW published.similar_movies_detailed IS 'The similar movies with what a person wants to read, a view.';
COMMENT ON COLUMN published.similar_movies_detailed.similar_title IS 'the neighbour''s title';
COMMENT ON COLUMN published.similar_movies_detailed.similar_genres IS 'the neighbour''s genres, a list';
COMMENT ON COLUMN published.similar_movies_detailed.similar_year IS 'of the neighbour''s release';
COMMENT ON COLUMN published.similar_movies_detailed.similar_genres_text IS 'the neighbour''s genres as one text';
