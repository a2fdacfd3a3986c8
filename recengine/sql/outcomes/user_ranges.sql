-- Grain: one row per range of ids of about $users users with a list.
-- Reads: recommendations (of the published file). Writes: nothing.
WITH numbered AS (
    SELECT user_id, (row_number() OVER (ORDER BY user_id) - 1) // $users AS part
    FROM recommendations WHERE rank = 1
)
SELECT min(user_id) AS first, max(user_id) AS last FROM numbered GROUP BY part ORDER BY part
