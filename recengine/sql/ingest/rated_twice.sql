-- Grain: one row per (user, movie) that occurs twice, as the last load found.
-- Reads: raw.ratings, raw.left_out. Writes: the temporary table rated_twice.
CREATE OR REPLACE TEMP TABLE rated_twice AS
SELECT DISTINCT user_id, movie_id
FROM raw.ratings JOIN raw.left_out USING (file_id, line)
WHERE reason IN ('repeated', 'superseded')
