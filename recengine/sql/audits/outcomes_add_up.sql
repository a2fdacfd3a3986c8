-- Of what a rank showed at most all were rated, at most one row was shown to each user, and no day is before the version.
SELECT 'version ' || version || ' rank ' || rank || ' on ' || day || ' has ' || hits || ' hits of ' || shown || ' shown to '
    || users || ' users' AS problem
FROM published.outcomes
WHERE hits < 0 OR hits > shown OR shown > users OR hit_rate <> hits / shown
    OR day < strptime(left(version, 8), '%Y%m%d')::DATE
UNION ALL
SELECT 'version ' || version || ' rank ' || rank || ' on ' || day || ' is counted ' || count(*) || ' times'
FROM published.outcomes GROUP BY version, model_id, variant, day, rank HAVING count(*) > 1
