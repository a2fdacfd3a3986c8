-- What tunings tried and found.

-- One row per trial: a recipe's settings judged on one split next to those they were tried against. The first trial of
-- a split has no settings: the recipe as it is asked for.
CREATE TABLE ops.trials (
    dataset VARCHAR NOT NULL,
    search VARCHAR NOT NULL,               -- which search: one id for one snapshot, model, recipe, rules and code
    number INTEGER NOT NULL,               -- from 1, in the order they were made
    model VARCHAR NOT NULL,
    knobs JSON NOT NULL,                   -- settings, by dotted knob
    against JSON NOT NULL,                 -- those they are tried against
    split INTEGER NOT NULL,                -- 1 is the newest
    metric VARCHAR NOT NULL,
    mean DOUBLE NOT NULL,                  -- over the split's users
    gain DOUBLE NOT NULL,                  -- mean of the users' differences
    standard_error DOUBLE NOT NULL,        -- of the gain
    users BIGINT NOT NULL,
    seconds DOUBLE NOT NULL,
    tried_at TIMESTAMP NOT NULL,                 -- UTC
    kept BOOLEAN NOT NULL                  -- whether the recipe moved there
);

-- One row per search that ended, or was stopped by its budget; the newest of a dataset and model is what challenges.
CREATE TABLE ops.tunings (
    dataset VARCHAR NOT NULL,
    search VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    snapshot VARCHAR NOT NULL,             -- fingerprint of the data
    recipe JSON NOT NULL,                  -- model and config, all that was asked for and found
    knobs JSON NOT NULL,                   -- what left its default, by dotted knob
    said VARCHAR NOT NULL,                 -- what changed and by how much, or why nothing did
    complete BOOLEAN NOT NULL,             -- false: the budget ran out
    tuned_at TIMESTAMP NOT NULL,                 -- UTC
    seconds DOUBLE NOT NULL,
    metric VARCHAR NOT NULL,
    untuned DOUBLE,                        -- the metric's mean over the splits' users; NULL where there were none
    tuned DOUBLE
);
