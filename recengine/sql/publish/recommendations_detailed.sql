-- Grain: one row per user and rank, with what a person wants to read.
-- Reads: recommendations, movies (of the published file). Writes: the view recommendations_detailed.
CREATE VIEW published.recommendations_detailed AS
SELECT r.*, m.title, m.genres, m.year, m.genres_text
FROM recommendations AS r JOIN movies AS m USING (movie_id);
COMMENT ON VIEW published.recommendations_detailed IS 'The recommendations with what a person wants to read, a view.';
