-- Grain: one row, how many different ratings there are among the first $rows.
-- Reads: raw.ratings. Writes: nothing.
SELECT count(DISTINCT rating) FROM (SELECT rating FROM raw.ratings LIMIT $rows)
