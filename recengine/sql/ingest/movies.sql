-- Grain: one row per usable line of a movies file, position counting the file's records.
-- Reads: {relation}, the file as text columns; {genres} is the layout's genres expression.
-- Writes: raw.movies.
INSERT INTO raw.movies
WITH records AS (
    SELECT row_number() OVER () AS position, movie_id, {title} AS title, {genres} AS genres
    FROM {relation}
)
SELECT $file_id, position, movie_id::DOUBLE::BIGINT, trim(title), year_of(title), genres
FROM records
WHERE movie_reason(movie_id, title) IS NULL
