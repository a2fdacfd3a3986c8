-- Grain: one row per user, rank and reason, with the titles of both movies.
-- Reads: reasons, recommendations, movies (of the published file). Writes: the view reasons_detailed.
CREATE VIEW published.reasons_detailed AS
SELECT r.user_id, r.rank, l.movie_id, m.title, r.reason, r.kind, r.because_movie_id, b.title AS because_title,
    r.attribute, r.share, r.part, l.score
FROM reasons AS r
JOIN recommendations AS l USING (user_id, rank)
JOIN movies AS m ON m.movie_id = l.movie_id
LEFT JOIN movies AS b ON b.movie_id = r.because_movie_id;
COMMENT ON VIEW published.reasons_detailed IS 'The reasons with the titles of both movies, a view.';
COMMENT ON COLUMN published.reasons_detailed.because_title IS 'the title of because_movie_id';
