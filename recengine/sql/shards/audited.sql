-- Grain: that of each table. The tables that audits read, of one shard: its lists as files have them, its ratings as they
-- are in memory, and no table of movies.
-- Reads: lists, reasons, by_genre, rated, rules, rule_rows, movie_ids (Arrow tables). Writes: views.
CREATE SCHEMA published;
CREATE SCHEMA core;
CREATE SCHEMA scores;
CREATE VIEW published.recommendations AS FROM lists;
CREATE VIEW published.reasons AS FROM reasons;
CREATE VIEW published.recommendations_by_genre AS FROM by_genre;
CREATE TABLE published.similar_movies (movie_id BIGINT, rank INTEGER, similar_movie_id BIGINT, score FLOAT);
CREATE TABLE published.popular_movies (segment VARCHAR, rank INTEGER, movie_id BIGINT, score DOUBLE);
CREATE VIEW published.movies AS SELECT movie_id, movie_id AS film_id FROM movie_ids;
CREATE TABLE published.publication AS SELECT {said} AS reasons;
CREATE VIEW core.ratings AS FROM rated;
CREATE VIEW scores.rules AS FROM rules;
CREATE VIEW scores.rule_rows AS FROM rule_rows
