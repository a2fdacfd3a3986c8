-- Grain: one row per movie and column with a value other than zero: "genre=...", "year_bin=..." (its lower
-- bound), "year", scaled so that 1900 is 0 and 2000 is 1, and declared categories as "director=Lynch".
-- Reads: core.movies, features.movies. Writes: features.movie_values.
-- Of a declared category the $most_values most common values have a column (ties: by their text); one that is named
-- like a group of our own ($own) is called "category genre".
-- The bins hold about equally many movies of the oldest release; newer movies get bins of five years.
CREATE OR REPLACE TABLE features.movie_values AS
WITH dated AS (
    SELECT movie_index, year
    FROM core.movies JOIN features.movies USING (movie_id) WHERE year IS NOT NULL
),
bounds AS (
    SELECT unnest([0, 1940, 1955, 1965, 1975, 1983, 1988, 1991, 1993, 1994, 1995, 1996, 1997]) AS bound
    UNION ALL
    SELECT unnest(range(2000, 2100, 5))
),
binned AS (
    SELECT movie_index, max(bound) AS bound FROM dated JOIN bounds ON bound <= year GROUP BY movie_index
),
declared AS (
    SELECT movie_index, unnest(map_entries(categories), recursive := true)
    FROM core.movies JOIN features.movies USING (movie_id)
),
named AS (
    SELECT DISTINCT
        movie_index, unnest(value) AS value,
        CASE WHEN list_contains($own, key) THEN 'category ' || key ELSE replace(key, '=', ' ') END AS name
    FROM declared
),
common AS (
    SELECT name, value FROM named GROUP BY name, value
    QUALIFY row_number() OVER (PARTITION BY name ORDER BY count(*) DESC, value) <= $most_values
),
final AS (
    SELECT movie_index, 'genre=' || unnest(genres) AS column_name, 1.0::FLOAT AS value
    FROM core.movies JOIN features.movies USING (movie_id)
    UNION ALL
    SELECT movie_index, 'year_bin=' || bound, 1.0 FROM binned
    UNION ALL
    SELECT movie_index, 'year', (year - 1900) / 100.0 FROM dated
    UNION ALL
    SELECT movie_index, name || '=' || value, 1.0 FROM named SEMI JOIN common USING (name, value)
)
SELECT * FROM final
