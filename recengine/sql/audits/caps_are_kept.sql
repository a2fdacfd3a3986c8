-- No list holds more movies of a value than a rule allows, but for those that rules pin to its beginning.
WITH pinned AS (
    SELECT user_id, movie_id FROM scores.rules JOIN scores.rule_rows ON rule = name WHERE kind = 'pin'
),
unpinned AS (
    SELECT r.user_id, r.movie_id, bool_and(p.movie_id IS NULL) AS free
    FROM published.recommendations AS r
    LEFT JOIN pinned AS p ON p.movie_id = r.movie_id AND coalesce(p.user_id, r.user_id) = r.user_id
    GROUP BY r.user_id, r.movie_id
),
counted AS (
    SELECT u.user_id, c.name, c.most, v.value, count(*) AS movies, count_if(free) AS free
    FROM unpinned AS u
    JOIN scores.rule_rows AS v USING (movie_id)
    JOIN scores.rules AS c ON v.rule = c.name AND c.kind = 'cap'
    GROUP BY u.user_id, c.name, c.most, v.value
)
SELECT 'user ' || user_id || ' has ' || movies || ' movies of ' || value || ', more than the ' || most || ' of ' || name AS problem
FROM counted WHERE movies > most AND free > 0 AND free > greatest(most - (movies - free), 0)
