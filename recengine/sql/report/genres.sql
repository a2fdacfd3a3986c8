-- Grain: one row per genre, the $n that are rated most; a movie of several counts for each by its part.
-- Reads: published.movies, published.recommendations. Writes: nothing. Both shares add up to 1 over all genres.
WITH listed AS (
    SELECT movie_id, count(*) AS listings FROM published.recommendations GROUP BY movie_id
),
parts AS (
    SELECT
        unnest(genres) AS genre, ratings / len(genres) AS rated, coalesce(listings, 0) / len(genres) AS listed
    FROM published.movies LEFT JOIN listed USING (movie_id)
    WHERE len(genres) > 0
),
final AS (
    SELECT
        genre,
        sum(rated) / greatest(sum(sum(rated)) OVER (), 1) AS share_of_ratings,
        sum(listed) / greatest(sum(sum(listed)) OVER (), 1) AS share_of_lists
    FROM parts GROUP BY genre
)
FROM final ORDER BY share_of_ratings DESC, genre LIMIT $n
