-- Grain: one row per column of the view $view of the attached published that has no comment of its own, with that of the first of $tables
-- that has a column of its name.
-- Reads: the catalogue. Writes: nothing.
SELECT shown.column_name, arg_min(source.comment, list_position($tables::VARCHAR[], source.table_name)) AS comment
FROM duckdb_columns() AS shown JOIN duckdb_columns() AS source USING (database_name, column_name)
WHERE database_name = 'published' AND shown.table_name = $view AND shown.comment IS NULL
    AND list_contains($tables::VARCHAR[], source.table_name)
GROUP BY shown.column_name
