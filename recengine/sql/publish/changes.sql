-- Grain: one row per user and movie that is in the user's list now and was not in the version before ('gained'), or was and is
-- not ('lost'). Users who are no longer there have no row; without a version before nobody has.
-- Reads: published.recommendations, published.users, {before} (the lists of the version before). Writes: published.changes.
CREATE TABLE published.changes (
    user_id BIGINT NOT NULL,
    movie_id BIGINT NOT NULL,
    change VARCHAR NOT NULL,
    rank_before INTEGER,
    rank INTEGER
);
COMMENT ON TABLE published.changes IS 'One row is a movie that a user''s list gained or lost since the version before (publication.previous_version).';
COMMENT ON COLUMN published.changes.user_id IS 'the user, as in users';
COMMENT ON COLUMN published.changes.movie_id IS 'the movie; one that was lost may no longer be in movies';
COMMENT ON COLUMN published.changes.change IS 'gained or lost';
COMMENT ON COLUMN published.changes.rank_before IS 'its rank in the version before; NULL where it was gained';
COMMENT ON COLUMN published.changes.rank IS 'its rank now; NULL where it was lost';
INSERT INTO published.changes BY NAME
SELECT
    user_id,
    movie_id,
    CASE WHEN new.rank IS NULL THEN 'lost' ELSE 'gained' END AS change,
    old.rank AS rank_before,
    new.rank AS rank
FROM published.recommendations AS new FULL JOIN {before} AS old USING (user_id, movie_id)
SEMI JOIN published.users USING (user_id)
WHERE new.rank IS NULL OR old.rank IS NULL
ORDER BY user_id, new.rank NULLS LAST, old.rank
