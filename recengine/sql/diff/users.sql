-- Grain: one row, of the users in two versions. overlap is the mean over users with a list in both of their common
-- movies as a share of the longer one's rows; changed are those with another movie, reordered those with the same
-- movies in another order.
-- Reads: lists_before, lists_after. Writes: nothing.
WITH before AS (FROM lists_before WHERE rank <= $n),
after AS (FROM lists_after WHERE rank <= $n),
per_user AS (
    SELECT user_id, count(before.rank) AS rows_before, count(after.rank) AS rows_after,
        count(*) FILTER (before.rank IS NOT NULL AND after.rank IS NOT NULL) AS common,
        count(*) FILTER (before.rank <> after.rank) AS moved
    FROM before FULL JOIN after USING (user_id, movie_id)
    GROUP BY user_id
),
final AS (
    SELECT *, rows_before > 0 AND rows_after > 0 AS in_both, common < greatest(rows_before, rows_after) AS changed
    FROM per_user
)
SELECT
    count(*) FILTER (rows_before > 0) AS users_before,
    count(*) FILTER (rows_after > 0) AS users_after,
    count(*) FILTER (in_both) AS users_in_both,
    count(*) FILTER (in_both AND changed) AS users_changed,
    count(*) FILTER (in_both AND NOT changed AND moved > 0) AS users_reordered,
    avg(common / greatest(rows_before, rows_after)) FILTER (in_both) AS overlap
FROM final
