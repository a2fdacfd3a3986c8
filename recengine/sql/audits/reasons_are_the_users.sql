-- A movie that is a reason is one that the user rated, maybe under another id of its film; shares are shares.
WITH named AS (
    SELECT user_id, rank, because_movie_id
    FROM published.reasons AS reasons ANTI JOIN core.ratings AS ratings
        ON ratings.user_id = reasons.user_id AND ratings.movie_id = reasons.because_movie_id
    WHERE kind = 'movie'
), of_film AS (
    SELECT named.user_id, rank, because_movie_id
    FROM named JOIN published.movies AS reason ON reason.movie_id = because_movie_id
    JOIN published.movies AS other ON other.film_id = reason.film_id
    JOIN core.ratings AS ratings ON ratings.user_id = named.user_id AND ratings.movie_id = other.movie_id
)
SELECT 'user ' || user_id || ' rank ' || rank || ' has as a reason movie '
    || coalesce(because_movie_id::VARCHAR, 'NULL') || ', which the user has not rated' AS problem
FROM named ANTI JOIN of_film USING (user_id, rank, because_movie_id)
UNION ALL
SELECT 'user ' || user_id || ' rank ' || rank || ' reason ' || reason || ' has share ' || share
FROM published.reasons WHERE NOT share BETWEEN -1.0001 AND 1.0001 OR (share < 0 AND kind <> 'rest')
