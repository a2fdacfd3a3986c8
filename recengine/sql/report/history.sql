-- Grain: one row per publication, the last $n, oldest first.
-- Reads: ops.publications. Writes: nothing.
WITH last AS (
    SELECT rowid AS position, version, happened_at, model_id, metrics::VARCHAR AS metrics
    FROM ops.publications WHERE action = 'published' ORDER BY rowid DESC LIMIT $n
)
SELECT version, happened_at, model_id, metrics FROM last ORDER BY position
