-- Grain: one row, this file.
-- Reads: scores.origin, scores.rules_together, ops.scale, published.*. Writes: published.publication.
CREATE TABLE published.publication (
    version VARCHAR PRIMARY KEY,
    dataset VARCHAR NOT NULL,
    input_fingerprint VARCHAR NOT NULL,
    model_id VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    top_n INTEGER NOT NULL,
    users BIGINT NOT NULL,
    recommendations BIGINT NOT NULL,
    scale VARCHAR,
    metrics JSON NOT NULL,
    switches JSON NOT NULL,
    rules_price JSON,
    generated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    duckdb_version VARCHAR NOT NULL,
    torch_version VARCHAR NOT NULL,
    recengine_version VARCHAR NOT NULL,
    contract INTEGER NOT NULL,
    previous_version VARCHAR,
    genre_n INTEGER NOT NULL,
    reasons VARCHAR NOT NULL,
    variants VARCHAR[] NOT NULL
);
COMMENT ON TABLE published.publication IS 'One row: this file.';
COMMENT ON COLUMN published.publication.version IS 'its name, begins with the date and time; what recengine rollback takes';
COMMENT ON COLUMN published.publication.dataset IS 'what was read';
COMMENT ON COLUMN published.publication.input_fingerprint IS 'of the content that was read: the same data, the same fingerprint';
COMMENT ON COLUMN published.publication.model_id IS 'the model';
COMMENT ON COLUMN published.publication.model IS 'its kind, such as hybrid';
COMMENT ON COLUMN published.publication.top_n IS 'rows per user';
COMMENT ON COLUMN published.publication.users IS 'rows in users';
COMMENT ON COLUMN published.publication.recommendations IS 'rows in recommendations';
COMMENT ON COLUMN published.publication.scale IS 'of the ratings, such as 1-5/1: lowest, highest, step; implicit where there are none';
COMMENT ON COLUMN published.publication.metrics IS 'what was measured, with when, on what and on how many users';
COMMENT ON COLUMN published.publication.switches IS 'what made the lists other than the model''s best scores (diversity, calibration, popularity_debias, rank_by), each with what it costs on held-out ratings, where that was measured: figures without it and changed by it; [] where nothing did';
COMMENT ON COLUMN published.publication.rules_price IS 'what the rules of the table rules cost together on held-out ratings: figures without them and changed by them; NULL where there are none or that was not measured';
COMMENT ON COLUMN published.publication.generated_at IS 'when the lists were scored';
COMMENT ON COLUMN published.publication.duckdb_version IS 'what wrote it';
COMMENT ON COLUMN published.publication.torch_version IS 'what wrote it';
COMMENT ON COLUMN published.publication.recengine_version IS 'what wrote it';
COMMENT ON COLUMN published.publication.contract IS 'version of what readers may rely on; it grows when a table or column goes, or changes its type or meaning';
COMMENT ON COLUMN published.publication.previous_version IS 'what readers saw before it, which changes compares with; NULL where they saw nothing or another dataset';
COMMENT ON COLUMN published.publication.genre_n IS 'rows per user and genre in recommendations_by_genre; 0 where that is not asked for';
COMMENT ON COLUMN published.publication.reasons IS 'exact: the table reasons has them; off: nobody asked for them; else why the table is empty';
COMMENT ON COLUMN published.publication.variants IS 'kinds of lists side by side, as recommendations.variant names them; [] where there is one kind';
INSERT INTO published.publication BY NAME
SELECT
    $version AS version,
    dataset,
    input_fingerprint,
    model_id,
    model,
    top_n,
    (SELECT count(*) FROM published.users) AS users,
    (SELECT count(*) FROM published.recommendations) AS recommendations,
    (SELECT scale FROM ops.scale) AS scale,
    $metrics::JSON AS metrics,
    coalesce(switches, '[]') AS switches,
    (SELECT price FROM scores.rules_together) AS rules_price,
    generated_at AT TIME ZONE 'UTC' AS generated_at,
    version() AS duckdb_version,
    $torch_version AS torch_version,
    $recengine_version AS recengine_version,
    $contract AS contract,
    $previous_version AS previous_version,
    coalesce(genre_n, 0) AS genre_n,
    coalesce(reasons, 'off') AS reasons,
    coalesce(variants, []) AS variants
FROM scores.origin
