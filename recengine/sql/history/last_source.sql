-- Grain: one row, the last load that did not fail, of $dataset unless that is NULL.
-- Reads: ops.loads. Writes: nothing.
SELECT dataset, source FROM ops.loads
WHERE status <> 'failed' AND dataset = coalesce($dataset, dataset)
ORDER BY started_at DESC LIMIT 1
