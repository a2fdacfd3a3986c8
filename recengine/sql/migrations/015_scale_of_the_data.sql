-- The scale belongs to the data: declared or found, with what it was found by; data may have no ratings at all.
-- Both ends are NULL then, and predicted ratings too.
ALTER TABLE ops.dataset ALTER scale_low DROP NOT NULL;
ALTER TABLE ops.dataset ALTER scale_high DROP NOT NULL;
ALTER TABLE ops.dataset ALTER scale_step DROP NOT NULL;
ALTER TABLE scores.recommendations ALTER predicted_rating DROP NOT NULL;
ALTER TABLE ops.loads ADD COLUMN scale VARCHAR;            -- low-high/step, or implicit
ALTER TABLE ops.loads ADD COLUMN scale_evidence VARCHAR;   -- what it was found by

-- One row, the scale of the ratings in the core tables; none before the first load by it.
CREATE TABLE ops.scale (
    scale VARCHAR NOT NULL,                -- low-high/step, or implicit
    declared BOOLEAN NOT NULL,
    liked_from FLOAT,                      -- NULL: the same share of the scale as 3 of 1..5 stars
    evidence VARCHAR NOT NULL
);
