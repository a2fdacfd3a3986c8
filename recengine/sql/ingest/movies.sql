-- Grain: one row per usable line of a movies file.
-- Reads: {records}, the file as line and text columns; the other fragments are the layout's expressions.
-- Writes: raw.movies.
INSERT INTO raw.movies (file_id, line, movie_id, title, year, genres, categories)
WITH records AS (
    SELECT line, movie_id, {title} AS title, {genres} AS genres, {year} AS year, {categories} AS categories FROM {records}
)
SELECT $file_id, line, id_of(movie_id), strip(title), year, genres, categories
FROM records
WHERE movie_reason(movie_id, title) IS NULL
