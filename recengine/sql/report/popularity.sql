-- Grain: one row per tenth of the catalogue, most rated movies first.
-- Reads: features.movies, features.ratings, published.recommendations. Writes: nothing.
-- Both shares add up to 1: what people rated, and what the lists recommend.
WITH rated AS (
    SELECT movie_id, count(*) AS ratings FROM features.ratings GROUP BY movie_id
),
listed AS (
    SELECT movie_id, count(*) AS listings FROM published.recommendations GROUP BY movie_id
),
tenths AS (
    SELECT
        ntile(10) OVER (ORDER BY coalesce(ratings, 0) DESC, movie_id) AS tenth,
        coalesce(ratings, 0) AS ratings,
        coalesce(listings, 0) AS listings
    FROM features.movies LEFT JOIN rated USING (movie_id) LEFT JOIN listed USING (movie_id)
),
final AS (
    SELECT
        tenth,
        sum(ratings) / greatest(sum(sum(ratings)) OVER (), 1) AS share_of_ratings,
        sum(listings) / greatest(sum(sum(listings)) OVER (), 1) AS share_of_lists,
        count(*) FILTER (listings > 0) / count(*) AS coverage
    FROM tenths GROUP BY tenth
)
SELECT * FROM final ORDER BY tenth
