-- What readers see as rated is every rating that was read, or none where they are not published.
WITH seen AS (
    SELECT count(*) AS rows, sum(hash(user_id, movie_id, rated_at)::HUGEINT) AS sum FROM published.ratings
),
read AS (
    SELECT count(*) AS rows, sum(hash(user_id, movie_id, make_timestamptz(nullif(epoch_us(rated_at), 0)))::HUGEINT) AS sum FROM core.ratings
)
SELECT 'ratings has ' || seen.rows || ' rows that are not the ' || read.rows || ' that were read' AS problem
FROM seen, read WHERE seen.rows > 0 AND (seen.rows <> read.rows OR seen.sum <> read.sum)
