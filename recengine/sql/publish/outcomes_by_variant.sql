-- Grain: one row per pair of variants whose lists were live side by side; the plainer one, of the shorter name, is compared with.
-- Counted are the versions and days of which both have outcomes. The interval is that of a difference of two ratios whose
-- users were drawn in 64 groups (Cochran, Sampling Techniques, 1977, ch. 9: groups as clusters, ratio to size): 1.998 is
-- Student's t at 97.5 % for 63 degrees of freedom. Fewer than 10 hits of either say too little for one.
-- Reads: ops.outcomes, scores.origin. Writes: published.outcomes_by_variant.
CREATE TABLE published.outcomes_by_variant (
    variant VARCHAR NOT NULL,
    against VARCHAR NOT NULL,
    first_day DATE NOT NULL,
    last_day DATE NOT NULL,
    shown BIGINT NOT NULL,
    shown_against BIGINT NOT NULL,
    hits BIGINT NOT NULL,
    hits_against BIGINT NOT NULL,
    hit_rate DOUBLE NOT NULL,
    hit_rate_against DOUBLE NOT NULL,
    difference DOUBLE NOT NULL,
    difference_low DOUBLE,
    difference_high DOUBLE
);
COMMENT ON TABLE published.outcomes_by_variant IS 'One row is a variant compared with a plainer one, over the versions and days of which both have outcomes. Users are assigned by a hash, so a difference beyond its interval is the lists'' doing; look when the days that were planned are over, not until it shows. Empty where no two were side by side.';
COMMENT ON COLUMN published.outcomes_by_variant.variant IS 'as recommendations.variant names it';
COMMENT ON COLUMN published.outcomes_by_variant.against IS 'the variant it is compared with, the one of the shorter name';
COMMENT ON COLUMN published.outcomes_by_variant.first_day IS 'of the ratings, UTC';
COMMENT ON COLUMN published.outcomes_by_variant.last_day IS 'of the ratings, UTC';
COMMENT ON COLUMN published.outcomes_by_variant.shown IS 'rows in the lists of the variant''s users who rated anything on a day, on all days';
COMMENT ON COLUMN published.outcomes_by_variant.shown_against IS 'the same of the variant it is compared with';
COMMENT ON COLUMN published.outcomes_by_variant.hits IS 'of these rows, those whose user rated the movie that day';
COMMENT ON COLUMN published.outcomes_by_variant.hits_against IS 'the same of the variant it is compared with';
COMMENT ON COLUMN published.outcomes_by_variant.hit_rate IS 'hits / shown';
COMMENT ON COLUMN published.outcomes_by_variant.hit_rate_against IS 'hits_against / shown_against';
COMMENT ON COLUMN published.outcomes_by_variant.difference IS 'hit_rate - hit_rate_against';
COMMENT ON COLUMN published.outcomes_by_variant.difference_low IS 'lower end of its 95 % interval, by how 64 groups of users differ; NULL where either has fewer than 10 hits';
COMMENT ON COLUMN published.outcomes_by_variant.difference_high IS 'upper end of its 95 % interval; NULL where either has fewer than 10 hits';
INSERT INTO published.outcomes_by_variant BY NAME
WITH counted AS (
    SELECT version, day, variant, user_group, sum(shown) AS shown, sum(hits) AS hits
    FROM ops.outcomes SEMI JOIN scores.origin USING (dataset)
    WHERE variant <> 'all'
    GROUP BY version, day, variant, user_group
),
there AS (SELECT DISTINCT version, day, variant FROM counted),
pairs AS (
    SELECT version, day, one.variant AS against, other.variant AS variant
    FROM there AS one JOIN there AS other USING (version, day)
    WHERE (len(one.variant), one.variant) < (len(other.variant), other.variant)
),
groups AS (
    SELECT pairs.variant, against, counted.variant = against AS is_against, user_group,
        sum(shown) AS shown, sum(hits) AS hits, min(day) AS first_day, max(day) AS last_day
    FROM pairs JOIN counted USING (version, day)
    WHERE counted.variant IN (pairs.variant, against)
    GROUP BY ALL
),
sides AS (
    SELECT variant, against, is_against, min(first_day) AS first_day, max(last_day) AS last_day,
        sum(shown)::BIGINT AS shown, sum(hits)::BIGINT AS hits, sum(hits) / sum(shown) AS rate
    FROM groups GROUP BY ALL
),
spread AS (
    SELECT variant, against, is_against, 64 / 63 * sum((groups.hits - rate * groups.shown) ** 2) / any_value(sides.shown) ** 2 AS variance
    FROM groups JOIN sides USING (variant, against, is_against) GROUP BY ALL
),
compared AS (
    SELECT own.variant, own.against, least(own.first_day, other.first_day) AS first_day, greatest(own.last_day, other.last_day) AS last_day,
        own.shown, other.shown AS shown_against, own.hits, other.hits AS hits_against, own.rate AS hit_rate,
        other.rate AS hit_rate_against, own.rate - other.rate AS difference,
        CASE WHEN least(own.hits, other.hits) >= 10 THEN 1.998 * sqrt(s.variance + t.variance) END AS reach
    FROM sides AS own JOIN sides AS other USING (variant, against)
    JOIN spread AS s USING (variant, against) JOIN spread AS t USING (variant, against)
    WHERE NOT own.is_against AND other.is_against AND NOT s.is_against AND t.is_against
)
SELECT * EXCLUDE (reach), difference - reach AS difference_low, difference + reach AS difference_high
FROM compared ORDER BY variant, against
