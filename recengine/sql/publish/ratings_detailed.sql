-- Grain: one row per user and movie she rated, with what a person wants to read.
-- Reads: ratings, movies (of the published file). Writes: the view ratings_detailed.
CREATE VIEW published.ratings_detailed AS
SELECT r.*, m.title, m.genres, m.year, m.genres_text
FROM ratings AS r JOIN movies AS m USING (movie_id);
COMMENT ON VIEW published.ratings_detailed IS 'The ratings with what a person wants to read, a view.';
