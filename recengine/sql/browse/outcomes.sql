-- Grain: one row per day with outcomes and version that was live on it, the newest first, $most at most.
-- Reads: outcomes (of the published file). Writes: nothing.
SELECT day, version, sum(users) FILTER (rank = 1)::BIGINT AS users, sum(shown)::BIGINT AS shown,
    sum(hits)::BIGINT AS hits, sum(hits) / sum(shown) AS hit_rate
FROM outcomes GROUP BY day, version ORDER BY day DESC, version DESC LIMIT $most
