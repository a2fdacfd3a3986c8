-- Grain: one row per variant, model, day (UTC, of $days), rank and group of users of one version's lists. users: of the variant
-- who rated anything that day while the lists were live ($since to $until, one of each for each time); shown: rows at the rank
-- of those users' lists; hits: those of the rows that their user rated that day while they were live. What was rated before the
-- lists were made is not on them. Groups are one of 64 by a hash of the user's id where there are variants, else one.
-- Reads: core.ratings, the version's kept lists ({lists}). Writes: ops.outcomes.
INSERT INTO ops.outcomes BY NAME
WITH live AS (SELECT unnest($since::TIMESTAMP[]) AS since, unnest($until::TIMESTAMP[]) AS until),
made AS (
    SELECT user_id, movie_id, rated_at::DATE AS day
    FROM core.ratings SEMI JOIN live ON rated_at >= since AND rated_at < until
    WHERE rated_at >= $first::DATE AND rated_at < $now AND list_contains($days::DATE[], rated_at::DATE)
),
active AS (SELECT DISTINCT user_id, day FROM made),
reached AS (
    SELECT user_id, day, coalesce(variant, 'all') AS variant, model_id, movies,
        CASE WHEN variant IS NULL THEN 0 ELSE md5_number_lower(user_id::VARCHAR) % 64 END AS user_group
    FROM {lists} JOIN active USING (user_id)
),
groups AS (SELECT variant, model_id, day, user_group, count(*) AS users FROM reached GROUP BY ALL),
shown AS (
    SELECT user_id, day, variant, model_id, user_group, generate_subscripts(movies, 1) AS rank, unnest(movies) AS movie_id
    FROM reached
)
SELECT
    $dataset AS dataset, $version AS version, model_id, variant, day, rank, user_group,
    count(*) AS shown, count(made.user_id) AS hits, any_value(users) AS users
FROM shown JOIN groups USING (variant, model_id, day, user_group)
LEFT JOIN made USING (user_id, movie_id, day)
GROUP BY model_id, variant, day, rank, user_group
ORDER BY day, variant, model_id, rank, user_group
