-- Grain: one row, the counts of a load.
-- Reads: core.*, raw.ratings, ops.quarantine. Writes: nothing.
-- Exact repeats and superseded ratings together are the raw rows with a known movie that core does not have;
-- the distinct count over all columns, which tells the two apart, is only taken when there are any.
WITH usable AS (
    SELECT count(*) AS n FROM raw.ratings WHERE movie_id IN (SELECT movie_id FROM core.movies)
),
core_ratings AS (
    SELECT count(*) AS n FROM core.ratings
),
repeats AS (
    SELECT CASE WHEN (SELECT n FROM usable) = (SELECT n FROM core_ratings) THEN 0 ELSE (
        SELECT (SELECT n FROM usable) - count(*) FROM (
            SELECT DISTINCT user_id, movie_id, rating, rated_at FROM raw.ratings
            WHERE movie_id IN (SELECT movie_id FROM core.movies))
    ) END AS n
)
SELECT
    (SELECT n FROM core_ratings) AS ratings,
    (SELECT count(*) FROM core.movies) AS movies,
    (SELECT count(*) FROM core.users) AS users,
    (SELECT count(*) FROM core.users
     WHERE gender IS NULL AND age IS NULL AND occupation IS NULL) AS users_without_attributes,
    (SELECT n FROM repeats) AS repeated_ratings,
    (SELECT n FROM usable) - (SELECT n FROM core_ratings) - (SELECT n FROM repeats) AS superseded_ratings,
    (SELECT count(*) FROM ops.quarantine) AS quarantined
