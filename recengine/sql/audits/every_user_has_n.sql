-- Every known user has exactly top_n rows, or as many as there are movies the user has not rated.
WITH expected AS (
    SELECT user_id, least(top_n, (SELECT count(*) FROM core.movies) - ratings) AS rows
    FROM core.users, published.publication
),
found AS (
    SELECT user_id, count(*) AS rows FROM published.recommendations GROUP BY user_id
)
SELECT 'user ' || user_id || ' has ' || coalesce(f.rows, 0) || ' rows, not ' || coalesce(e.rows, 0) AS problem
FROM expected AS e FULL JOIN found AS f USING (user_id)
WHERE coalesce(e.rows, 0) <> coalesce(f.rows, 0)
