-- Grain: one row per load, the last five, newest first.
-- Reads: ops.loads. Writes: nothing.
SELECT started_at, status, dataset, ratings, users, quarantined, round(seconds, 1) AS seconds, problem
FROM ops.loads ORDER BY started_at DESC LIMIT 5
