-- Grain: one row per time that the lists of a version of $dataset were live, for versions whose lists are kept ($kept): from the
-- time in the version's name, or a rollback to it, until the next of either, of whatever dataset; since and until in UTC.
-- Reads: ops.publications. Writes: nothing.
WITH seen AS (
    SELECT version, strptime(version, '%Y%m%d-%H%M%S-%g') AS since
    FROM ops.publications WHERE action IN ('published', 'found')
    UNION
    SELECT version, happened_at AS since FROM ops.publications WHERE action = 'rolled back'
    UNION
    SELECT version, strptime(version, '%Y%m%d-%H%M%S-%g') AS since FROM (SELECT unnest($kept::VARCHAR[]) AS version)
),
live AS (
    SELECT version, since, lead(since, 1, 'infinity'::TIMESTAMP) OVER (ORDER BY since, version) AS until FROM seen
)
SELECT version, since, until FROM live
WHERE list_contains($kept::VARCHAR[], version)
    AND version IN (SELECT version FROM ops.publications WHERE dataset = $dataset)
ORDER BY since
