-- Grain: one row per segment and rank, with what a person wants to read.
-- Reads: popular_movies, movies (of the published file). Writes: the view popular_movies_detailed.
CREATE VIEW published.popular_movies_detailed AS
SELECT r.*, m.title, m.genres, m.year, m.genres_text
FROM popular_movies AS r JOIN movies AS m USING (movie_id);
COMMENT ON VIEW published.popular_movies_detailed IS 'The popular movies with what a person wants to read, a view.';
