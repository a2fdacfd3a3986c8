-- Grain: one row, what there is to recommend: users with a rating, movies, and pairs of them without one.
-- Reads: features.movies, features.interactions. Writes: nothing.
WITH rated AS (SELECT count(DISTINCT user_index) AS users, count(*) AS ratings FROM features.interactions),
catalogue AS (SELECT count(*) AS movies FROM features.movies)
SELECT users, movies, users * movies - ratings AS unrated FROM rated CROSS JOIN catalogue
