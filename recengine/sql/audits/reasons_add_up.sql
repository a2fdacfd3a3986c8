-- Where reasons are published, those of every recommendation are all of its score, and are numbered without gaps.
WITH sums AS (
    SELECT user_id, rank, sum(part::DOUBLE) AS total, count(*) AS reasons, min(reason) AS first, max(reason) AS last,
        count(*) FILTER (kind = 'rest') AS rests
    FROM published.reasons GROUP BY user_id, rank
),
explained AS (
    SELECT count(*) > 0 AS any_are FROM published.publication WHERE reasons = 'exact'
)
SELECT 'user ' || user_id || ' rank ' || rank || ' has score ' || coalesce(score::VARCHAR, 'NULL')
    || ' and reasons of ' || coalesce(total::VARCHAR, 'NULL') AS problem
FROM published.recommendations FULL JOIN sums USING (user_id, rank) CROSS JOIN explained
WHERE (any_are OR total IS NOT NULL)
    AND (total IS NULL OR score IS NULL OR NOT abs(total - score) <= 1e-5 * greatest(1, abs(score)))
UNION ALL
SELECT 'user ' || user_id || ' rank ' || rank || ' has ' || reasons || ' reasons numbered ' || first || ' to ' || last
    || ', ' || rests || ' of them the rest'
FROM sums WHERE NOT (first = 1 AND last = reasons AND rests = 1)
