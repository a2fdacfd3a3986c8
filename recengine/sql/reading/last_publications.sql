-- Grain: one row per publication, decision against one, or rollback, the last five, newest first.
-- Reads: ops.publications. Writes: nothing.
SELECT happened_at, action, version, dataset, model_id, reason
FROM ops.publications ORDER BY rowid DESC LIMIT 5
