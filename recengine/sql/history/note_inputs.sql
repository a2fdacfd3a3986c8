-- Grain: one row, the input that the core tables hold.
-- Reads: core.ratings, core.users, ops.dataset. Writes: ops.inputs.
INSERT OR REPLACE INTO ops.inputs BY NAME
WITH rated AS (
    SELECT
        count(*) AS ratings, count(DISTINCT movie_id) AS movies, avg(rating) AS mean_rating,
        epoch(max(rated_at)) AS newest
    FROM core.ratings
),
people AS (
    SELECT count(*) FILTER (ratings > 0) AS users, avg(age) AS mean_age FROM core.users
)
SELECT
    d.input_fingerprint,
    d.dataset,
    now() AT TIME ZONE 'UTC' AS noted_at,
    users,
    movies,
    ratings,
    ratings / greatest(users, 1) AS ratings_a_user,
    coalesce(mean_rating, 0) AS mean_rating,
    mean_age,
    CASE WHEN newest > 0 THEN (epoch(now()) - newest) / 86400 END AS newest_days
FROM ops.dataset AS d, rated, people
