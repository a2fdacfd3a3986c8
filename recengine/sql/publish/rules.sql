-- Grain: one row per rule that the lists keep.
-- Reads: scores.rules. Writes: published.rules.
CREATE TABLE published.rules (
    name VARCHAR NOT NULL PRIMARY KEY,
    kind VARCHAR NOT NULL,
    about VARCHAR NOT NULL,
    query VARCHAR NOT NULL,
    parameters JSON NOT NULL,
    per_user BOOLEAN NOT NULL,
    most INTEGER,
    rows_named BIGINT NOT NULL,
    rows_unknown BIGINT NOT NULL,
    lists_changed BIGINT NOT NULL,
    ndcg_change DOUBLE,
    ndcg_change_low DOUBLE,
    ndcg_change_high DOUBLE,
    ndcg_without DOUBLE
);
COMMENT ON TABLE published.rules IS 'One row is a rule that an operator gave, and that the lists keep: the audits have looked.';
COMMENT ON COLUMN published.rules.name IS 'its file without .sql';
COMMENT ON COLUMN published.rules.kind IS 'exclude: not these movies; only: none but these; boost: these rather or less; cap: at most so many of a value; pin: these first';
COMMENT ON COLUMN published.rules.about IS 'what it is, in its author''s words';
COMMENT ON COLUMN published.rules.query IS 'its SQL, over the private core and feature tables';
COMMENT ON COLUMN published.rules.parameters IS 'the values its query took';
COMMENT ON COLUMN published.rules.per_user IS 'whether it names users; else it is for everybody, and for popular_movies where it is an exclude or an only';
COMMENT ON COLUMN published.rules.most IS 'of a cap: how many movies of one value a list may hold; NULL of another kind';
COMMENT ON COLUMN published.rules.rows_named IS 'how many films, pairs of a user and a film, or of a film and a value it names';
COMMENT ON COLUMN published.rules.rows_unknown IS 'how many rows of its query named no film or user of the data';
COMMENT ON COLUMN published.rules.lists_changed IS 'how many users'' lists would be others without it; an estimate from 2,000 users where there are more';
COMMENT ON COLUMN published.rules.ndcg_change IS 'what it by itself changes nDCG at 10 by on the held-out newest ratings, against lists by scores alone; NULL where that was not measured';
COMMENT ON COLUMN published.rules.ndcg_change_low IS 'lower end of the interval of ndcg_change, of 95 % unless train.gate.confidence says otherwise';
COMMENT ON COLUMN published.rules.ndcg_change_high IS 'upper end of it';
COMMENT ON COLUMN published.rules.ndcg_without IS 'nDCG at 10 of the lists by scores alone, which ndcg_change is a change of';
INSERT INTO published.rules BY NAME SELECT * FROM scores.rules ORDER BY name
