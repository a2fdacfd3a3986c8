-- Every table, view and column that readers see says what it is.
WITH seen AS (
    SELECT table_name AS name, comment FROM duckdb_tables() WHERE database_name = 'published'
    UNION ALL
    SELECT view_name, comment FROM duckdb_views() WHERE database_name = 'published' AND NOT internal
    UNION ALL
    SELECT table_name || '.' || column_name, comment
    FROM duckdb_columns() WHERE database_name = 'published' AND NOT internal
)
SELECT name || ' has no comment' AS problem FROM seen WHERE coalesce(trim(comment), '') = '' ORDER BY name
