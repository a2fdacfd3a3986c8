-- Grain: one row, the counts of the core tables and of the lines that do not count.
-- Reads: core.*, raw.left_out, ops.quarantine. Writes: nothing.
SELECT
    (SELECT count(*) FROM core.ratings) AS ratings,
    (SELECT count(*) FROM core.movies) AS movies,
    (SELECT count(*) FROM core.users) AS users,
    (SELECT count(*) FROM core.users
     WHERE gender IS NULL AND age IS NULL AND occupation IS NULL) AS users_without_attributes,
    (SELECT count(*) FROM raw.left_out WHERE reason = 'repeated') AS repeated_ratings,
    (SELECT count(*) FROM raw.left_out WHERE reason = 'superseded') AS superseded_ratings,
    (SELECT count(*) FROM ops.quarantine) AS quarantined
