-- Grain: one row per line of a ratings file after its header, in its order; all NULL where it cannot be used.
-- Reads: {texts}, the file as whole lines. Writes: raw.ratings_{file_id}.
CREATE OR REPLACE TABLE raw.ratings_{file_id} AS
WITH fields AS (
    SELECT raw, {fields} AS field FROM {texts}
),
named AS (
    SELECT raw, field, {named} FROM fields
),
final AS (
    SELECT *, coalesce({problem}, {reason}) IS NULL AS usable FROM named
)
SELECT
    CASE WHEN usable THEN user_id::BIGINT END AS user_id,
    CASE WHEN usable THEN movie_id::BIGINT END AS movie_id,
    CASE WHEN usable THEN rating::FLOAT END AS rating,
    CASE WHEN usable THEN rated_at::BIGINT END AS rated_at
FROM final
