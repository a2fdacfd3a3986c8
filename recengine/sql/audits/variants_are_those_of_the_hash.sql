-- Each row is of the variant that a hash of its user says (the finaliser of SplitMix64, its upper half, modulo the variants;
-- drawn in recengine/variety/drawn.py is the same in Python), and of none where there is one kind of lists.
WITH users AS (
    SELECT DISTINCT user_id, variant FROM published.recommendations
),
salted AS (
    SELECT *, (user_id::HUGEINT + 4 * 11400714819323198485::HUGEINT + 18446744073709551616::HUGEINT) % 18446744073709551616::HUGEINT AS x
    FROM users
),
once AS (
    SELECT * REPLACE ((xor(x::UBIGINT, x::UBIGINT >> 30)::UHUGEINT * 13787848793156543929::UHUGEINT) % 18446744073709551616::UHUGEINT AS x) FROM salted
),
twice AS (
    SELECT * REPLACE ((xor(x::UBIGINT, x::UBIGINT >> 27)::UHUGEINT * 10723151780598845931::UHUGEINT) % 18446744073709551616::UHUGEINT AS x) FROM once
),
wanted AS (
    SELECT user_id, variant, CASE WHEN len(variants) > 0 THEN variants[((x::UBIGINT >> 32) % len(variants) + 1)::BIGINT] END AS right_one
    FROM twice CROSS JOIN published.publication
)
SELECT 'user ' || user_id || ' has variant ' || coalesce(variant, 'NULL') || ', not ' || coalesce(right_one, 'NULL') AS problem
FROM wanted WHERE variant IS DISTINCT FROM right_one
