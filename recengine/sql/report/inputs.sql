-- Grain: one row per published input of a dataset, up to that of $input and the $n before it, oldest first.
-- Reads: ops.inputs. Writes: nothing.
WITH shown AS (
    SELECT noted_at FROM ops.inputs WHERE input_fingerprint = $input AND dataset = $dataset
),
last AS (
    SELECT * FROM ops.inputs
    WHERE dataset = $dataset AND noted_at <= (FROM shown)
    ORDER BY noted_at DESC LIMIT $n + 1
)
FROM last ORDER BY noted_at
