-- Grain: one row per day (UTC) from $since on for which ratings arrived, or went, since it was last counted; ratings of a time
-- after $now are not there yet.
-- Reads: core.ratings, ops.outcome_days. Writes: nothing.
WITH there AS (
    SELECT rated_at::DATE AS day, count(*) AS ratings, bit_xor(hash(user_id, movie_id, rated_at)) AS digest
    FROM core.ratings
    WHERE rated_at >= $since::DATE AND rated_at < $now
    GROUP BY day
),
counted AS (
    SELECT day, ratings, digest FROM ops.outcome_days WHERE dataset = $dataset AND day >= $since::DATE
)
SELECT day, coalesce(there.ratings, 0) AS ratings, coalesce(there.digest, 0) AS digest
FROM there FULL JOIN counted USING (day)
WHERE there.ratings IS DISTINCT FROM counted.ratings OR there.digest IS DISTINCT FROM counted.digest
ORDER BY day
