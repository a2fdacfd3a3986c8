-- A movie in a user's list of a genre is of that genre.
SELECT 'user ' || user_id || ' has movie ' || movie_id || ' as ' || genre AS problem
FROM published.recommendations_by_genre JOIN published.movies USING (movie_id)
WHERE NOT list_contains(coalesce(genres, []), genre)
