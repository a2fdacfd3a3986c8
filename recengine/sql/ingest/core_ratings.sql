-- Grain: one row per (user, movie), the newest rating; of two at the same second, the one from the later
-- file, then the higher, so that the result never depends on thread timing.
-- Reads: raw.ratings, core.movies. Writes: core.ratings.
-- The three are packed into one BIGINT, rated_at * 2^28 + file * 2^6 + rating * 10, because one max()
-- over it is several times faster than arg_max over a struct.
CREATE OR REPLACE TABLE core.ratings AS
WITH newest AS (
    SELECT user_id, movie_id, max(rated_at * 268435456 + position * 64 + round(rating * 10)::BIGINT) AS packed
    FROM raw.ratings
    JOIN (SELECT file_id, row_number() OVER (ORDER BY stem(name), name) AS position
          FROM ops.files WHERE role = 'ratings') AS files USING (file_id)
    WHERE movie_id IN (SELECT movie_id FROM core.movies)
    GROUP BY user_id, movie_id
),
final AS (
    SELECT
        user_id,
        movie_id,
        ((packed % 64) / 10)::FLOAT AS rating,
        make_timestamp((packed // 268435456) * 1000000) AS rated_at
    FROM newest
)
SELECT * FROM final
