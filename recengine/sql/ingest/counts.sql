-- Grain: one row, the counts of the core tables and of the raw ratings whose movie is known.
-- Reads: core.*, raw.ratings, left_out, ops.quarantine. Writes: nothing.
SELECT
    (SELECT count(*) FROM core.ratings) AS ratings,
    (SELECT count(*) FROM core.movies) AS movies,
    (SELECT count(*) FROM core.users) AS users,
    (SELECT count(*) FROM core.users
     WHERE gender IS NULL AND age IS NULL AND occupation IS NULL) AS users_without_attributes,
    (SELECT count(*) FROM raw.ratings)
        - (SELECT count(*) FROM left_out WHERE reason = 'unknown movie') AS usable_ratings,
    (SELECT count(*) FROM ops.quarantine) AS quarantined
