-- Films under several ids; the features stage makes both tables anew.
CREATE TABLE features.twins (movie_id BIGINT NOT NULL, film_id BIGINT NOT NULL);
CREATE TABLE features.replaced_ratings (user_id BIGINT NOT NULL, movie_id BIGINT NOT NULL);
CREATE VIEW features.ratings AS SELECT user_id, movie_id, rating, rated_at FROM core.ratings;
