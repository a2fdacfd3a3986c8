-- Grain: one row per day (UTC) of the newest $n before $before that have outcomes of $dataset with at least $least users, oldest
-- first: all versions and variants together. users: of each, so one whose list changed that day may count twice.
-- Reads: ops.outcomes. Writes: nothing.
WITH groups AS (
    SELECT day, sum(shown)::BIGINT AS shown, sum(hits)::BIGINT AS hits, any_value(users) AS users
    FROM ops.outcomes WHERE dataset = $dataset AND day < $before
    GROUP BY day, version, variant, model_id, user_group
),
days AS (
    SELECT day, sum(shown)::BIGINT AS shown, sum(hits)::BIGINT AS hits, sum(users)::BIGINT AS users
    FROM groups GROUP BY day HAVING sum(users) >= $least
    ORDER BY day DESC LIMIT $n
)
FROM days ORDER BY day
