-- Grain: one row per version, variant, model, day and rank of lists that were live on a day for which ratings arrived.
-- Reads: ops.outcomes, scores.origin. Writes: published.outcomes.
CREATE TABLE published.outcomes (
    version VARCHAR NOT NULL,
    model_id VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    day DATE NOT NULL,
    rank INTEGER NOT NULL,
    shown BIGINT NOT NULL,
    hits BIGINT NOT NULL,
    hit_rate DOUBLE NOT NULL,
    users BIGINT NOT NULL
);
COMMENT ON TABLE published.outcomes IS 'One row is what came of one rank of a version''s lists on one day: how many of its rows were rated while the lists were live. Nobody logs who saw a list, so it is a trend and a bound of nothing. Empty where no rating is newer than the first list, as in MovieLens.';
COMMENT ON COLUMN published.outcomes.version IS 'the version whose lists were live: from the time in its name, or a rollback to it, until the next';
COMMENT ON COLUMN published.outcomes.model_id IS 'the model that made the lists';
COMMENT ON COLUMN published.outcomes.variant IS 'the variant whose users these are; all where there was one';
COMMENT ON COLUMN published.outcomes.day IS 'the day of the ratings, UTC, by the time that the data gives them, however late they arrived';
COMMENT ON COLUMN published.outcomes.rank IS '1 is the best';
COMMENT ON COLUMN published.outcomes.shown IS 'rows at this rank in the lists of those users';
COMMENT ON COLUMN published.outcomes.hits IS 'of these rows, those whose user rated the movie that day while the list was live';
COMMENT ON COLUMN published.outcomes.hit_rate IS 'hits / shown';
COMMENT ON COLUMN published.outcomes.users IS 'users of the variant, with a list, who rated anything that day while the list was live; the same at every rank';
INSERT INTO published.outcomes BY NAME
SELECT version, model_id, variant, day, rank,
    sum(shown)::BIGINT AS shown, sum(hits)::BIGINT AS hits, sum(hits) / sum(shown) AS hit_rate, sum(users)::BIGINT AS users
FROM ops.outcomes SEMI JOIN scores.origin USING (dataset)
GROUP BY version, model_id, variant, day, rank
ORDER BY version, variant, model_id, day, rank
