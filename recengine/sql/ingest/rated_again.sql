-- Grain: one row per rating of a known movie that another line replaces: of one pair the newest counts; of two at
-- the same second the one from the later file, then the higher. Exact repeats are told from what was superseded.
-- Reads: raw.ratings, raw.left_out, ops.files. Writes: raw.left_out.
INSERT INTO raw.left_out
WITH suspects AS (
    -- the pairs that may occur twice
    {suspects}
),
candidates AS (
    SELECT ratings.* FROM raw.ratings AS ratings
    SEMI JOIN suspects USING (user_id, movie_id)
    ANTI JOIN raw.left_out USING (file_id, line)
),
placed AS (
    SELECT candidates.*, row_number() OVER newest AS place, row_number() OVER alike AS place_among_equals
    FROM candidates JOIN ops.files USING (file_id)
    WINDOW
        newest AS (PARTITION BY user_id, movie_id ORDER BY rated_at DESC, stem(name) DESC, name DESC, rating DESC, line),
        alike AS (PARTITION BY user_id, movie_id, rated_at, rating ORDER BY stem(name) DESC, name DESC, line)
)
SELECT file_id, line, CASE WHEN place_among_equals > 1 THEN 'repeated' ELSE 'superseded' END
FROM placed WHERE place > 1
