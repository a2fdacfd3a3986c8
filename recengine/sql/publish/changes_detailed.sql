-- Grain: one row per movie that a list gained or lost, with what a person wants to read.
-- Reads: changes, movies (of the published file). Writes: the view changes_detailed.
CREATE VIEW published.changes_detailed AS
SELECT c.*, m.title, m.genres, m.year, m.genres_text
FROM changes AS c LEFT JOIN movies AS m USING (movie_id);
COMMENT ON VIEW published.changes_detailed IS 'The changes with what a person wants to read, a view.';
