-- Grain: one row per usable line of a movies file.
-- Reads: {records}, the file as line and text columns; {title} and {genres} are the layout's expressions.
-- Writes: raw.movies.
INSERT INTO raw.movies (file_id, line, movie_id, title, year, genres)
WITH records AS (
    SELECT line, movie_id, {title} AS title, {genres} AS genres FROM {records}
)
SELECT $file_id, line, movie_id::DOUBLE::BIGINT, trim(title), year_of(title), genres
FROM records
WHERE movie_reason(movie_id, title) IS NULL
