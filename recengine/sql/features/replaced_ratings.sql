-- Grain: one row per rating of a film that the user rated again under another of its ids: the newest counts, of two
-- at the same second the higher.
-- Reads: core.ratings, features.twins. Writes: features.replaced_ratings.
CREATE OR REPLACE TABLE features.replaced_ratings AS
WITH ids AS (
    SELECT movie_id, film_id FROM features.twins
    UNION
    SELECT film_id, film_id FROM features.twins
)
SELECT user_id, movie_id
FROM core.ratings JOIN ids USING (movie_id)
QUALIFY row_number() OVER (
    PARTITION BY user_id, film_id ORDER BY rated_at DESC NULLS LAST, rating DESC, movie_id
) > 1
ORDER BY user_id, movie_id
