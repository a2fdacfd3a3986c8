-- Grain: one row, how many lines of one movies file are unusable or repeat an id.
-- Reads: ops.files, raw.movies. Writes: nothing.
SELECT file_id, bad_rows + (SELECT count(*) - count(DISTINCT movie_id) FROM raw.movies)
FROM ops.files AS f WHERE name = $name
