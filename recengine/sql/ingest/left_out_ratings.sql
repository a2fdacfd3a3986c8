-- Grain: one row, how many lines of one ratings file are not in the core tables for a reason of their own.
-- Reads: ops.files, raw.ratings, core.movies. Writes: nothing.
SELECT file_id, bad_rows + (
    SELECT count(*) FROM raw.ratings AS r
    WHERE r.file_id = f.file_id AND r.movie_id NOT IN (SELECT movie_id FROM core.movies))
FROM ops.files AS f WHERE name = $name
