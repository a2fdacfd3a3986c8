-- Every known user has top_n rows, or as many as there are films that the user has not rated and the rules allow: no
-- shorter list could take one film more.
WITH found AS (
    SELECT user_id, count(r.movie_id) AS rows
    FROM core.users AS u FULL JOIN published.recommendations AS r USING (user_id) GROUP BY user_id
),
short AS (
    SELECT user_id, rows FROM found, published.publication WHERE rows < top_n
),
named AS (
    SELECT name, kind, per_user, user_id, movie_id, value, most FROM scores.rules JOIN scores.rule_rows ON rule = name
),
unlisted AS (
    SELECT user_id, rows, movie_id FROM short CROSS JOIN (FROM published.movies WHERE film_id = movie_id)
    ANTI JOIN features.ratings USING (user_id, movie_id)
    ANTI JOIN published.recommendations USING (user_id, movie_id)
),
limits AS (
    SELECT user_id, name FROM short CROSS JOIN (FROM scores.rules WHERE kind = 'only') AS o
    WHERE NOT per_user OR user_id IN (SELECT n.user_id FROM named AS n WHERE n.name = o.name)
),
barred AS (
    SELECT u.user_id, u.movie_id FROM unlisted AS u JOIN named AS n
        ON n.kind = 'exclude' AND n.movie_id = u.movie_id AND coalesce(n.user_id, u.user_id) = u.user_id
    UNION ALL
    SELECT u.user_id, u.movie_id FROM unlisted AS u JOIN limits AS l USING (user_id)
    ANTI JOIN named AS n
        ON n.name = l.name AND n.movie_id = u.movie_id AND coalesce(n.user_id, u.user_id) = u.user_id
),
full_values AS (
    SELECT user_id, name, value FROM short
    JOIN published.recommendations USING (user_id) JOIN named AS n USING (movie_id)
    WHERE n.kind = 'cap' GROUP BY short.user_id, name, value HAVING count(*) >= any_value(most)
),
capped AS (
    SELECT f.user_id, n.movie_id FROM full_values AS f JOIN named AS n USING (name, value)
),
left_out AS (
    SELECT user_id, rows, movie_id FROM unlisted
    ANTI JOIN barred USING (user_id, movie_id) ANTI JOIN capped USING (user_id, movie_id)
)
SELECT 'user ' || user_id || ' has ' || rows || ' rows, and movie ' || min(movie_id) || ' could be another' AS problem
FROM left_out GROUP BY user_id, rows
UNION ALL
SELECT 'user ' || user_id || ' has ' || rows || ' rows, more than ' || top_n FROM found, published.publication WHERE rows > top_n
UNION ALL
SELECT 'user ' || user_id || ' is not known' FROM published.recommendations ANTI JOIN core.users USING (user_id)
