-- Whom a rule limits to some movies gets none beside them; nor do the lists for unknown users, where it limits everybody.
WITH listed AS (
    SELECT user_id, movie_id FROM published.recommendations
    UNION ALL
    SELECT user_id, movie_id FROM published.recommendations_by_genre
),
named AS (
    SELECT name, user_id, movie_id FROM scores.rules JOIN scores.rule_rows ON rule = name WHERE kind = 'only'
),
limited AS (
    SELECT name, user_id
    FROM scores.rules AS r CROSS JOIN core.users AS u
    WHERE kind = 'only' AND (NOT per_user OR user_id IN (SELECT user_id FROM named AS n WHERE n.name = r.name))
)
SELECT 'user ' || r.user_id || ' is recommended movie ' || r.movie_id || ', which ' || l.name || ' does not allow' AS problem
FROM listed AS r
JOIN limited AS l USING (user_id)
ANTI JOIN named AS n
    ON n.name = l.name AND n.movie_id = r.movie_id AND coalesce(n.user_id, r.user_id) = r.user_id
UNION ALL
SELECT 'popular_movies lists movie ' || p.movie_id || ', which ' || s.name || ' does not allow'
FROM published.popular_movies AS p
CROSS JOIN (SELECT name FROM scores.rules WHERE kind = 'only' AND NOT per_user) AS s
ANTI JOIN named AS n ON n.name = s.name AND n.movie_id = p.movie_id
