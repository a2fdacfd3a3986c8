-- Grain: one row, how many films no rule keeps from everybody.
-- Reads: features.movies, scores.barred.
SELECT count(*) FROM features.movies ANTI JOIN scores.barred USING (movie_id)
