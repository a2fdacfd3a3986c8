-- Grain: one row per column of the tables and views of the attached published: what it and its table are, as their
-- comments say, and what it holds: 'key', 'always' (never NULL) or nothing.
-- Reads: the catalogue. Writes: nothing.
WITH things AS (
    SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'published'
    UNION ALL
    SELECT view_name, comment FROM duckdb_views() WHERE database_name = 'published' AND NOT internal
),
keys AS (
    SELECT table_name, unnest(constraint_column_names) AS column_name
    FROM duckdb_constraints() WHERE database_name = 'published' AND constraint_type = 'PRIMARY KEY'
)
SELECT c.table_name, t.comment, c.column_name, c.data_type,
    CASE WHEN k.column_name IS NOT NULL THEN 'key' WHEN NOT c.is_nullable THEN 'always' END AS holds,
    c.comment
FROM duckdb_columns() AS c
JOIN things AS t USING (table_name)
LEFT JOIN keys AS k ON k.table_name = c.table_name AND k.column_name = c.column_name
WHERE c.database_name = 'published' AND NOT c.internal
ORDER BY c.table_name, c.column_index
