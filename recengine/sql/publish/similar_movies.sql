-- Grain: one row per movie and neighbour; every id of a film has the film's neighbours, listed under their films' ids.
-- Reads: scores.similar_movies, features.twins. Writes: published.similar_movies.
CREATE TABLE published.similar_movies (
    movie_id BIGINT NOT NULL,
    rank INTEGER NOT NULL,
    similar_movie_id BIGINT NOT NULL,
    score FLOAT NOT NULL,
    similarity FLOAT NOT NULL
);
COMMENT ON TABLE published.similar_movies IS 'One row is a movie''s rank-th neighbour: rated by the same people.';
COMMENT ON COLUMN published.similar_movies.movie_id IS 'the movie, as in movies';
COMMENT ON COLUMN published.similar_movies.rank IS '1 is the nearest';
COMMENT ON COLUMN published.similar_movies.similar_movie_id IS 'the neighbour, as in movies';
COMMENT ON COLUMN published.similar_movies.score IS 'the same number as similarity, under the name that earlier releases gave it';
COMMENT ON COLUMN published.similar_movies.similarity IS 'between 0 and 1: cosine over who rated both, shrunk where few did';
INSERT INTO published.similar_movies BY NAME
WITH final AS (
    SELECT movie_id, rank, similar_movie_id, score FROM scores.similar_movies
    UNION ALL
    SELECT twins.movie_id, rank, similar_movie_id, score
    FROM scores.similar_movies AS scored JOIN features.twins AS twins ON twins.film_id = scored.movie_id
)
SELECT *, score AS similarity FROM final ORDER BY movie_id, rank
