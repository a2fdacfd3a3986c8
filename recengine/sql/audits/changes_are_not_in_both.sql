-- What a list gained is in it, at its rank; what it lost is not.
SELECT 'user ' || c.user_id || ' ' || change || ' movie ' || c.movie_id || ', which is '
    || CASE WHEN r.rank IS NULL THEN 'not in the list' ELSE 'at rank ' || r.rank END AS problem
FROM published.changes AS c LEFT JOIN published.recommendations AS r USING (user_id, movie_id)
WHERE r.rank IS DISTINCT FROM c.rank OR change <> CASE WHEN c.rank IS NULL THEN 'lost' ELSE 'gained' END
