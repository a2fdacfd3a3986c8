-- Grain: one row per published view, in the order in which they were made: a view reads none that comes after it.
-- Reads: the catalogue of the published file. Writes: nothing.
SELECT view_name, sql, comment
FROM duckdb_views()
WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal
ORDER BY view_oid
