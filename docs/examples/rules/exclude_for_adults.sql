-- Nothing of genres for adults for users under 18.
-- parameter: adult = 18
SELECT user_id, movie_id
FROM core.users CROSS JOIN core.movies
WHERE age < $adult AND list_has_any(genres, ['Horror', 'Crime', 'Film-Noir'])
