-- The rules that the scored lists keep, one row per rule, and what each of them names.
CREATE TABLE scores.rules (
    name VARCHAR, kind VARCHAR, about VARCHAR, query VARCHAR, parameters JSON, per_user BOOLEAN, most INTEGER,
    rows_named BIGINT, rows_unknown BIGINT, lists_changed BIGINT, ndcg_change DOUBLE
);
CREATE TABLE scores.rule_rows (
    rule VARCHAR, user_id BIGINT, movie_id BIGINT, value VARCHAR, weight DOUBLE, position BIGINT
);
-- Grain: one row per movie that rules keep from everybody.
CREATE VIEW scores.barred AS
WITH named AS (
    SELECT name, kind, movie_id FROM scores.rules JOIN scores.rule_rows ON rule = name WHERE NOT per_user
),
pairs AS (
    SELECT movie_id FROM named WHERE kind = 'exclude'
    UNION ALL
    SELECT movie_id FROM core.movies CROSS JOIN (SELECT name FROM scores.rules WHERE kind = 'only' AND NOT per_user)
    ANTI JOIN named USING (name, movie_id)
)
SELECT DISTINCT movie_id FROM pairs;
