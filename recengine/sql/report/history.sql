-- Grain: one row per publication, the last $n, oldest first.
-- Reads: ops.publications. Writes: nothing.
WITH last AS (
    SELECT version, happened_at, model_id, metrics::VARCHAR AS metrics
    FROM ops.publications WHERE action IN ('published', 'found') ORDER BY version DESC LIMIT $n
)
SELECT version, happened_at, model_id, metrics FROM last ORDER BY version
