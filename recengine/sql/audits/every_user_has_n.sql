-- Every known user has exactly top_n rows, or as many as there are films the user has not rated.
WITH films AS (
    SELECT count(*) AS films FROM published.movies WHERE film_id = movie_id
),
replaced AS (
    SELECT user_id, count(*) AS ratings FROM features.replaced_ratings GROUP BY user_id
),
expected AS (
    SELECT user_id, least(top_n, films - (u.ratings - coalesce(r.ratings, 0))) AS rows
    FROM core.users AS u LEFT JOIN replaced AS r USING (user_id), films, published.publication
),
found AS (
    SELECT user_id, count(*) AS rows FROM published.recommendations GROUP BY user_id
)
SELECT 'user ' || user_id || ' has ' || coalesce(f.rows, 0) || ' rows, not ' || coalesce(e.rows, 0) AS problem
FROM expected AS e FULL JOIN found AS f USING (user_id)
WHERE coalesce(e.rows, 0) <> coalesce(f.rows, 0)
