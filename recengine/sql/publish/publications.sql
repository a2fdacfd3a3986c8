-- Grain: one row per publication, rollback, and decision against a publication, this file's own the last.
-- Reads: ops.publications, scores.origin. Writes: published.publications.
CREATE TABLE published.publications (
    happened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    action VARCHAR NOT NULL,
    version VARCHAR,
    dataset VARCHAR NOT NULL,
    input_fingerprint VARCHAR,
    model_id VARCHAR,
    reason VARCHAR NOT NULL,
    metrics JSON NOT NULL
);
COMMENT ON TABLE published.publications IS 'One row is a publication, a rollback, or a night that kept what was published; this file is the last of them.';
COMMENT ON COLUMN published.publications.happened_at IS 'when it was decided';
COMMENT ON COLUMN published.publications.action IS 'published, kept (a night that left the published tables as they were), rolled back, or found (published, its entry was lost)';
COMMENT ON COLUMN published.publications.version IS 'the version it is about; NULL where nothing was published';
COMMENT ON COLUMN published.publications.dataset IS 'what was read';
COMMENT ON COLUMN published.publications.input_fingerprint IS 'of the content that was read';
COMMENT ON COLUMN published.publications.model_id IS 'the model';
COMMENT ON COLUMN published.publications.reason IS 'why, in a sentence';
COMMENT ON COLUMN published.publications.metrics IS 'what was measured, as in publication';
INSERT INTO published.publications BY NAME
WITH final AS (
    SELECT happened_at, action, version, dataset, input_fingerprint, model_id, reason, metrics
    FROM ops.publications WHERE action <> 'publishing'
    UNION ALL
    SELECT now() AT TIME ZONE 'UTC', 'published', $version, dataset, input_fingerprint, model_id, $reason, $metrics
    FROM scores.origin
)
SELECT * REPLACE (happened_at AT TIME ZONE 'UTC' AS happened_at) FROM final ORDER BY happened_at
