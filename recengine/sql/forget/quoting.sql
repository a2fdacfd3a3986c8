-- Grain: one row per table and column of the open database whose texts quote lines of source files ($columns).
-- Reads: the catalogue. Writes: nothing.
SELECT schema_name || '.' || table_name AS table_name, column_name
FROM duckdb_columns() SEMI JOIN duckdb_tables() USING (database_name, schema_name, table_name)
WHERE database_name = current_database() AND list_contains($columns, column_name)
ORDER BY ALL
