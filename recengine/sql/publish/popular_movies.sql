-- Grain: one row per segment and rank: the list for a user nobody knows yet.
-- Reads: features.ratings, core.users, scores.barred. Writes: published.popular_movies.
-- Segments: 'all', and one per gender and age band ('F 18-24') where both are known. The score is the share
-- of the segment's users who rated the movie, pulled to everybody's share as if $prior_users more had joined.
CREATE TABLE published.popular_movies (
    segment VARCHAR NOT NULL,
    rank INTEGER NOT NULL,
    movie_id BIGINT NOT NULL,
    score FLOAT NOT NULL,
    popularity FLOAT NOT NULL,
    PRIMARY KEY (segment, rank)
);
COMMENT ON TABLE published.popular_movies IS 'One row is a rank in a list for users nobody knows yet.';
COMMENT ON COLUMN published.popular_movies.segment IS 'all, and one per gender and age band where both are known, such as F 18-24';
COMMENT ON COLUMN published.popular_movies.rank IS '1 is the most popular';
COMMENT ON COLUMN published.popular_movies.movie_id IS 'the movie, as in movies';
COMMENT ON COLUMN published.popular_movies.score IS 'the same number as popularity, under the name that earlier releases gave it';
COMMENT ON COLUMN published.popular_movies.popularity IS 'the share of the segment''s users who rated it, a small segment''s pulled to everybody''s';
INSERT INTO published.popular_movies BY NAME
WITH
-- ml-1m's own bands, part of the contract with readers; features.user_values has finer ones for the models.
bands AS (
    SELECT unnest([0, 18, 25, 35, 45, 50, 56]) AS low,
        unnest(['under 18', '18-24', '25-34', '35-44', '45-49', '50-55', '56+']) AS band
),
segments AS (
    SELECT user_id, gender || ' ' || arg_max(band, low) AS segment
    FROM core.users JOIN bands ON age >= low
    WHERE gender IS NOT NULL AND ratings > 0
    GROUP BY user_id, gender
),
sizes AS (
    SELECT segment, count(*) AS users FROM segments GROUP BY segment
),
overall AS (
    SELECT movie_id, count(*) / (SELECT count(*) FROM core.users WHERE ratings > 0) AS share
    FROM features.ratings GROUP BY movie_id
),
counted AS (
    SELECT segment, movie_id, count(*) AS raters
    FROM features.ratings JOIN segments USING (user_id) GROUP BY segment, movie_id
),
shares AS (
    -- Rounded to FLOAT before ranking, so that what is published as equal is ordered as equal.
    SELECT 'all' AS segment, movie_id, share::FLOAT AS score FROM overall
    UNION ALL
    SELECT segment, movie_id, ((raters + $prior_users * share) / (users + $prior_users))::FLOAT
    FROM counted JOIN sizes USING (segment) JOIN overall USING (movie_id)
),
final AS (
    SELECT
        segment,
        -- by the score as it is stored: what rounds to the same score is a tie, ordered by movie
        (row_number() OVER (PARTITION BY segment ORDER BY score::FLOAT DESC, movie_id))::INTEGER AS rank,
        movie_id,
        score
    FROM shares ANTI JOIN scores.barred USING (movie_id)
    QUALIFY rank <= $rows
)
SELECT *, score AS popularity FROM final ORDER BY segment, rank
