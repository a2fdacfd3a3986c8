-- What is in a user's list is in that of each of its genres, unless that one is full of movies with no lower score.
-- Only where nothing but the model made the lists: a switch takes better ones out of them, and changes their
-- scores, as a pin does.
-- Both scores are of one model and differ in the last bits.
WITH plain AS (
    SELECT genre_n FROM published.publication WHERE genre_n > 0 AND json_array_length(switches) = 0
        AND NOT EXISTS (FROM scores.rules WHERE kind = 'pin')
),
listed AS (
    SELECT user_id, movie_id, score, unnest(genres) AS genre
    FROM published.recommendations JOIN published.movies USING (movie_id) SEMI JOIN plain ON true
),
least AS (
    SELECT user_id, genre, count(*) AS rows, min(score) AS score
    FROM published.recommendations_by_genre GROUP BY user_id, genre
)
SELECT 'user ' || user_id || ' has movie ' || movie_id || ' in the list and not among the best of ' || genre AS problem
FROM listed ANTI JOIN published.recommendations_by_genre USING (user_id, genre, movie_id)
LEFT JOIN least USING (user_id, genre), plain
WHERE coalesce(least.rows, 0) < genre_n OR listed.score > least.score + 1e-4 * greatest(1, abs(least.score))
