-- Grain: one row per reason of one user's recommendations, or of one of them.
-- Reads: reasons_detailed (of the published file). Writes: nothing.
SELECT rank, movie_id, title, reason, kind, because_movie_id, because_title, attribute, share, part
FROM reasons_detailed
WHERE user_id = $user_id AND ($movie_id IS NULL OR movie_id = $movie_id)
ORDER BY rank, reason
