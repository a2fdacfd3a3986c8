SELECT
    {file_id} AS file_id,
    -- a table's rows are numbered from 0, but from a high number until the load is committed
    rowid - (SELECT min(rowid) FROM raw.ratings_{file_id}) + {first_line} AS line,
    user_id, movie_id, rating, rated_at
FROM raw.ratings_{file_id} WHERE user_id IS NOT NULL
