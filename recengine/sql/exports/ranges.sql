-- Grain: one row per range of users, whose rows of a table together are about $rows; no user is in two.
-- Reads: a published table with a user_id. Writes: nothing.
WITH counted AS (
    SELECT user_id, count(*) AS rows FROM {table} GROUP BY user_id
),
placed AS (
    SELECT user_id, rows, (sum(rows) OVER (ORDER BY user_id) - rows) // $rows AS range FROM counted
)
SELECT min(user_id) AS first_user_id, max(user_id) AS last_user_id, sum(rows)::BIGINT AS rows
FROM placed GROUP BY range ORDER BY first_user_id
