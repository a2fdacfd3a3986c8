-- Grain: one row per rating; the rating columns of the article's matrix, in long form.
-- Reads: features.ratings, features.users, features.movies. Writes: the view features.interactions, which copies nothing.
CREATE OR REPLACE VIEW features.interactions AS
SELECT user_index, movie_index, rating AS value, epoch(rated_at)::BIGINT AS rated_at
FROM features.ratings
JOIN features.users USING (user_id)
JOIN features.movies USING (movie_id)
