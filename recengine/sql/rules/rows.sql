-- Grain: one row per user (NULL: everybody), film and, of a cap, value that a rule names; known says whether both
-- are there; without a user a row for single users names nobody. A film with several ids is meant by any of them.
-- Named twice by one id, weights add up; by several ids, the largest counts. The first position counts.
-- Reads: rule_found (a rule's own rows), features.twins, features.movies, core.users.
WITH named AS (
    SELECT
        {user_id} AS user_id,
        {movie_id} AS named_id,
        {value} AS value,
        {weight} AS weight,
        {position} AS position
    FROM rule_found
),
summed AS (
    SELECT
        user_id,
        named_id,
        value,
        CASE WHEN count(weight) = count(*) THEN sum(weight) END AS weight,
        min(position) AS position
    FROM named GROUP BY user_id, named_id, value
),
films AS (
    SELECT user_id, coalesce(film_id, named_id) AS movie_id, value, weight, position
    FROM summed LEFT JOIN features.twins AS t ON named_id = t.movie_id
)
SELECT
    $rule AS rule,
    user_id,
    movie_id,
    value,
    CASE WHEN count(weight) = count(*) THEN max(weight) END AS weight,
    min(position) AS position,
    movie_id IN (SELECT movie_id FROM features.movies)
    AND (NOT $per_user OR user_id IN (SELECT user_id FROM core.users)) AS known
FROM films
GROUP BY user_id, movie_id, value
ORDER BY user_id NULLS FIRST, movie_id, value
