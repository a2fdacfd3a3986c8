-- Grain: one row per movie that is in some list of one of two versions and in none of the other, those in most lists
-- first. users is how many lists have it; title and year are NULL where no file that has them is kept.
-- Reads: lists_before, lists_after, {movies} (movie_id, title, year). Writes: nothing.
WITH before AS (SELECT movie_id, count(*) AS users FROM lists_before WHERE rank <= $n GROUP BY movie_id),
after AS (SELECT movie_id, count(*) AS users FROM lists_after WHERE rank <= $n GROUP BY movie_id),
final AS (
    SELECT movie_id, before.users IS NULL AS is_in, coalesce(after.users, before.users) AS users
    FROM before FULL JOIN after USING (movie_id)
    WHERE before.users IS NULL OR after.users IS NULL
)
SELECT movie_id, any_value(title) AS title, any_value(year) AS year, is_in, users
FROM final LEFT JOIN ({movies}) AS titles USING (movie_id)
GROUP BY ALL ORDER BY users DESC, movie_id
