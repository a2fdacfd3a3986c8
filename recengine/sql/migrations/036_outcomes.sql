-- What came of the lists: one row per version, variant, model, day and rank, as published.outcomes has it. They stay when the
-- version's lists are gone.
CREATE TABLE ops.outcomes (
    dataset VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    model_id VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    day DATE NOT NULL,                     -- UTC
    rank INTEGER NOT NULL,
    shown BIGINT NOT NULL,
    hits BIGINT NOT NULL,
    users BIGINT NOT NULL
);

-- One row per day whose ratings were joined with the lists: which ratings those were, so that a day that more arrive for is
-- counted anew and no other.
CREATE TABLE ops.outcome_days (
    dataset VARCHAR NOT NULL, day DATE NOT NULL, ratings BIGINT NOT NULL, digest UBIGINT NOT NULL
);
