-- Grain: one row, about all lists.
-- Reads: published.recommendations, published.movies. Writes: nothing.
WITH of_a_list AS (
    SELECT user_id, len(list_distinct(flatten(list(genres)))) AS genres
    FROM published.recommendations JOIN published.movies USING (movie_id)
    GROUP BY user_id
)
SELECT
    (SELECT count(DISTINCT movie_id) FROM published.recommendations) AS movies_in_a_list,
    (SELECT count(*) FROM published.movies) AS movies,
    (SELECT avg(genres) FROM of_a_list) AS genres_a_list
