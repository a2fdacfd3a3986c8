-- No list holds what a rule excludes for its user or for everybody; nor do the lists for unknown users.
WITH listed AS (
    SELECT user_id, movie_id FROM published.recommendations
    UNION ALL
    SELECT user_id, movie_id FROM published.recommendations_by_genre
),
excluded AS (
    SELECT name, per_user, user_id, movie_id
    FROM scores.rules JOIN scores.rule_rows ON rule = name WHERE kind = 'exclude'
)
SELECT 'user ' || r.user_id || ' is recommended movie ' || r.movie_id || ', which ' || e.name || ' excludes' AS problem
FROM listed AS r
JOIN excluded AS e ON e.movie_id = r.movie_id AND NOT e.per_user
UNION ALL
SELECT 'user ' || r.user_id || ' is recommended movie ' || r.movie_id || ', which ' || e.name || ' excludes'
FROM listed AS r
JOIN excluded AS e ON e.movie_id = r.movie_id AND e.user_id = r.user_id AND e.per_user
UNION ALL
SELECT 'popular_movies lists movie ' || p.movie_id || ', which ' || e.name || ' excludes'
FROM published.popular_movies AS p
JOIN excluded AS e ON e.movie_id = p.movie_id AND NOT e.per_user
