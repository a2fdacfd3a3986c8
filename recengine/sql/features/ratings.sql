-- Grain: one row per user and film, the newest rating; movie_id is the film's. Where no film has two ids, these are
-- the core ratings, and the joins cost next to nothing.
-- Reads: core.ratings, features.twins, features.replaced_ratings. Writes: the view features.ratings, which copies
-- nothing.
CREATE OR REPLACE VIEW features.ratings AS
SELECT user_id, coalesce(film_id, movie_id) AS movie_id, rating, rated_at
FROM core.ratings
LEFT JOIN features.twins USING (movie_id)
ANTI JOIN features.replaced_ratings USING (user_id, movie_id)
