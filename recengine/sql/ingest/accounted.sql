-- Grain: one row: how many usable lines of ratings files are in core.ratings or named as left out.
-- Reads: core.ratings, raw.left_out, ops.files. Writes: nothing.
SELECT
    (SELECT count(*) FROM core.ratings)
    + (SELECT count(*) FROM raw.left_out JOIN ops.files USING (file_id) WHERE role = 'ratings')
