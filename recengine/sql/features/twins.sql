-- Grain: one row per movie id whose film has a lower id too; film_id is the film's lowest. MovieLens has such films.
-- Two ids are one film when title and year are the same, without regard to case, blanks and a year at the title's
-- end. Without a year nothing is the same: a title alone does not tell a film from its remake.
-- The lowest id stands for the film, not the most rated one, so that it stays the same from night to night.
-- Reads: core.movies. Writes: features.twins.
CREATE OR REPLACE TABLE features.twins AS
WITH named AS (
    SELECT
        movie_id,
        year,
        regexp_replace(lower(nfc_normalize(title)), '\(' || year || '\)\s*$', '') AS name
    FROM core.movies WHERE year IS NOT NULL
),
films AS (
    SELECT movie_id, min(movie_id) OVER (PARTITION BY regexp_replace(trim(name), '\s+', ' ', 'g'), year) AS film_id
    FROM named
)
SELECT movie_id, film_id FROM films WHERE movie_id <> film_id ORDER BY movie_id
