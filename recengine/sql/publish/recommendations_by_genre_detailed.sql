-- Grain: one row per user, genre and rank, with what a person wants to read.
-- Reads: recommendations_by_genre, movies (of the published file). Writes: the view recommendations_by_genre_detailed.
CREATE VIEW published.recommendations_by_genre_detailed AS
SELECT r.*, m.title, m.genres, m.year, m.genres_text
FROM recommendations_by_genre AS r JOIN movies AS m USING (movie_id);
COMMENT ON VIEW published.recommendations_by_genre_detailed IS 'The recommendations by genre with what a person wants to read, a view.';
