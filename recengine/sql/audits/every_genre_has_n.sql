-- Every known user has exactly genre_n rows of each genre, or as many as there are films of it the user has not
-- rated and no rule keeps from her. Whom a rule limits to some movies is left to only_allowed_is_listed.
WITH films AS (
    SELECT film_id, unnest(list_distinct(genres)) AS genre FROM published.movies ANTI JOIN scores.barred USING (movie_id)
    WHERE film_id = movie_id AND (SELECT bool_or(genre_n > 0) FROM published.publication)
),
sizes AS (
    SELECT genre, count(*) AS films FROM films GROUP BY genre
),
single AS (
    SELECT kind, user_id, movie_id FROM scores.rules JOIN scores.rule_rows ON rule = name WHERE per_user
),
rated AS (
    SELECT user_id, genre, count(DISTINCT film_id) AS films
    FROM (
        SELECT user_id, movie_id FROM core.ratings
        UNION ALL
        SELECT user_id, movie_id FROM single WHERE kind = 'exclude'
    )
    JOIN (SELECT movie_id, film_id FROM published.movies) USING (movie_id) JOIN films USING (film_id)
    GROUP BY user_id, genre
),
expected AS (
    SELECT user_id, genre, least(genre_n, s.films - coalesce(r.films, 0)) AS rows
    FROM (FROM core.users ANTI JOIN (FROM single WHERE kind = 'only') USING (user_id)) CROSS JOIN sizes AS s LEFT JOIN rated AS r USING (user_id, genre), published.publication
),
found AS (
    SELECT user_id, genre, count(*) AS rows FROM published.recommendations_by_genre GROUP BY user_id, genre
)
SELECT 'user ' || user_id || ' has ' || coalesce(f.rows, 0) || ' rows of ' || genre || ', not ' || coalesce(e.rows, 0)
    AS problem
FROM expected AS e FULL JOIN found AS f USING (user_id, genre)
WHERE user_id NOT IN (SELECT user_id FROM single WHERE kind = 'only') AND coalesce(e.rows, 0) <> coalesce(f.rows, 0)
