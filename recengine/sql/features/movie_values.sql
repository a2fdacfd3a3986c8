-- Grain: one row per movie and column with a value other than zero: "genre=...", "year_bin=..." (its lower
-- bound), and "year", scaled so that 1900 is 0 and 2000 is 1.
-- Reads: core.movies, features.movies. Writes: features.movie_values.
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
final AS (
    SELECT movie_index, 'genre=' || unnest(genres) AS column_name, 1.0::FLOAT AS value
    FROM core.movies JOIN features.movies USING (movie_id)
    UNION ALL
    SELECT movie_index, 'year_bin=' || bound, 1.0 FROM binned
    UNION ALL
    SELECT movie_index, 'year', (year - 1900) / 100.0 FROM dated
)
SELECT * FROM final
