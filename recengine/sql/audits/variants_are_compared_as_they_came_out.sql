-- A comparison of variants has the hits and rows that outcomes has of both, and its difference lies within its interval.
WITH counted AS (
    SELECT version, day, variant, sum(shown) AS shown, sum(hits) AS hits FROM published.outcomes GROUP BY version, day, variant
),
sums AS (
    SELECT one.variant, other.variant AS against, sum(one.hits) AS hits, sum(other.hits) AS hits_against,
        sum(one.shown) AS shown, sum(other.shown) AS shown_against
    FROM counted AS one JOIN counted AS other USING (version, day)
    GROUP BY ALL
)
SELECT 'variant ' || variant || ' against ' || against || ' has ' || found.hits || ' and ' || found.hits_against
    || ' hits, not as in outcomes, or a difference outside its interval' AS problem
FROM published.outcomes_by_variant AS found LEFT JOIN sums USING (variant, against)
WHERE (found.hits, found.hits_against, found.shown, found.shown_against)
        IS DISTINCT FROM (sums.hits, sums.hits_against, sums.shown, sums.shown_against)
    OR abs(difference - (hit_rate - hit_rate_against)) > 1e-12
    OR NOT coalesce(difference BETWEEN difference_low AND difference_high, true)
