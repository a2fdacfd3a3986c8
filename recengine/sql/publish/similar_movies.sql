-- Grain: one row per movie and neighbour; every id of a film has the film's neighbours, listed under their films' ids.
-- Reads: scores.similar_movies, features.twins. Writes: published.similar_movies.
CREATE TABLE published.similar_movies AS
WITH final AS (
    SELECT movie_id, rank, similar_movie_id, score FROM scores.similar_movies
    UNION ALL
    SELECT twins.movie_id, rank, similar_movie_id, score
    FROM scores.similar_movies AS scored JOIN features.twins AS twins ON twins.film_id = scored.movie_id
)
SELECT * FROM final ORDER BY movie_id, rank
