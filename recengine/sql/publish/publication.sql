-- Grain: one row, this file.
-- Reads: scores.origin, ops.scale, published.*. Writes: published.publication.
CREATE TABLE published.publication AS
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
    generated_at,
    version() AS duckdb_version,
    $torch_version AS torch_version,
    $recengine_version AS recengine_version
FROM scores.origin
