-- A movie that is a reason is one that the user rated, maybe under another id of its film; shares are shares.
WITH rated AS (
    SELECT DISTINCT ratings.user_id, movies.film_id
    FROM core.ratings AS ratings JOIN published.movies AS movies USING (movie_id)
)
SELECT 'user ' || reasons.user_id || ' rank ' || rank || ' has as a reason movie '
    || coalesce(because_movie_id::VARCHAR, 'NULL') || ', which the user has not rated' AS problem
FROM published.reasons AS reasons
LEFT JOIN published.movies AS movies ON movies.movie_id = reasons.because_movie_id
LEFT JOIN rated ON rated.user_id = reasons.user_id AND rated.film_id = movies.film_id
WHERE kind = 'movie' AND rated.film_id IS NULL
UNION ALL
SELECT 'user ' || user_id || ' rank ' || rank || ' reason ' || reason || ' has share ' || share
FROM published.reasons WHERE NOT share BETWEEN -1.0001 AND 1.0001 OR (share < 0 AND kind <> 'rest')
