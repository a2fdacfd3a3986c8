-- Grain: one row per bin of ratings, ascending, with its outermost rating and how many there are: for ratings of so
-- many different values that a row for each would be a row for nearly every rating.
-- Reads: raw.ratings. Writes: nothing. Ratings beyond $largest are in the outermost bins.
WITH spread AS (
    SELECT avg(rating) AS middle, stddev_pop(rating) / 1000 AS width
    FROM raw.ratings WHERE abs(rating) <= $largest
),
binned AS (
    SELECT rating, CASE WHEN abs(rating) <= $largest THEN floor((rating - middle) / width)
        WHEN rating < 0 THEN '-inf'::DOUBLE ELSE 'inf'::DOUBLE END AS bin
    FROM raw.ratings, spread WHERE rating IS NOT NULL
)
SELECT CASE WHEN bin < 0 THEN min(rating) ELSE max(rating) END AS rating, count(*) AS often
FROM binned GROUP BY bin ORDER BY rating
