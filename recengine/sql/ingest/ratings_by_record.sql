-- Grain: one row per line of a ratings file after its header, of which a record is one, in its order: a rating, or why the line cannot be
-- used and its text; all NULL where it is blank.
-- Reads: {texts}, one whole record each. Writes: raw.ratings_{file_id}.
CREATE OR REPLACE TABLE raw.ratings_{file_id} AS
WITH fields AS (
    SELECT raw, coalesce(trim(raw, E' \t'), '') = '' AS blank, {fields} AS field FROM {texts}
),
named AS (
    SELECT raw, blank, field, {named} FROM fields
),
judged AS (
    SELECT *, CASE WHEN NOT blank THEN coalesce({problem}, {reason}) END AS reason FROM named
),
final AS (
    SELECT *, NOT blank AND reason IS NULL AS usable FROM judged
)
SELECT
    CASE WHEN usable THEN user_id END AS user_id,
    CASE WHEN usable THEN movie_id END AS movie_id,
    CASE WHEN usable THEN stored(rating) END AS rating,
    CASE WHEN usable THEN rated_at::BIGINT END AS rated_at,
    reason,
    CASE WHEN reason IS NOT NULL THEN {shown} END AS raw
FROM final
