-- Grain: one row per distinct rating, ascending, with how often it was given.
-- Reads: raw.ratings. Writes: nothing.
SELECT rating, count(*) AS often FROM raw.ratings WHERE rating IS NOT NULL GROUP BY rating ORDER BY rating
