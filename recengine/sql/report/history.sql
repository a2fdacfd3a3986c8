-- Grain: one row per publication of a dataset, the last $n, oldest first.
-- Reads: ops.publications. Writes: nothing.
WITH last AS (
    SELECT version, happened_at, model_id, metrics::VARCHAR AS metrics
    FROM ops.publications
    WHERE action IN ('published', 'found') AND dataset = $dataset
    ORDER BY version DESC LIMIT $n
)
SELECT version, happened_at, model_id, metrics FROM last ORDER BY version
