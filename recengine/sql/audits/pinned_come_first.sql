-- Movies that a rule pins stand before all others of a list.
WITH pinned AS (
    SELECT user_id, movie_id FROM scores.rules JOIN scores.rule_rows ON rule = name WHERE kind = 'pin'
),
marked AS (
    SELECT r.user_id, r.rank, r.movie_id, bool_or(p.movie_id IS NOT NULL) AS first
    FROM published.recommendations AS r
    LEFT JOIN pinned AS p ON p.movie_id = r.movie_id AND coalesce(p.user_id, r.user_id) = r.user_id
    WHERE EXISTS (FROM pinned)
    GROUP BY r.user_id, r.rank, r.movie_id
)
SELECT 'user ' || user_id || ' has a pinned movie behind another' AS problem
FROM marked GROUP BY user_id HAVING max(rank) FILTER (first) > min(rank) FILTER (NOT first)
