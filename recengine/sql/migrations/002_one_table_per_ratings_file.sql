-- Ratings are stored once: a table per ratings file, and core.ratings is a view of them. A night that adds a file
-- leaves the other tables alone, and a file that left takes its rows with it by one DROP.
--   raw.ratings_<file_id>   one row per data line of that file, in its order; all NULL where a line is unusable
--   raw.ratings             view: the usable lines of every file (made anew by each load)
--   raw.left_out            the usable lines that do not count

-- What was loaded before stays readable until the next load reads the files again.
CREATE TABLE raw.ratings_0 AS
SELECT user_id, movie_id, rating, epoch(rated_at)::BIGINT AS rated_at FROM core.ratings;
DROP TABLE core.ratings;
DROP TABLE raw.ratings;

-- One row per usable line of a ratings file, whether or not the movie is known.
CREATE VIEW raw.ratings AS
SELECT 0 AS file_id, rowid + 1 AS line, user_id, movie_id, rating, rated_at FROM raw.ratings_0;

-- One row per line that is usable by itself but that another line or file rules out.
CREATE TABLE raw.left_out (
    file_id INTEGER NOT NULL, line BIGINT NOT NULL,
    reason VARCHAR NOT NULL                -- unknown movie, duplicate movie, duplicate user, repeated, superseded
);

-- One row per (user, movie): the newest rating (made anew by each load).
CREATE VIEW core.ratings AS
SELECT user_id, movie_id, rating, make_timestamp(rated_at * 1000000) AS rated_at
FROM raw.ratings;
