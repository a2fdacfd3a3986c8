-- Grain: one row per table of the open database that has rows about users, with what it calls them and its columns.
-- Tables with a user_index only come first: it is looked up in one that has the id as well.
-- Reads: the catalogue. Writes: nothing.
SELECT
    c.schema_name || '.' || c.table_name AS table_name,
    list_contains(list(column_name), 'user_id') AS by_id,
    list(column_name ORDER BY column_index) AS columns
FROM duckdb_columns() AS c JOIN duckdb_tables() AS t USING (database_name, schema_name, table_name)
WHERE database_name = $database AND NOT t.temporary
GROUP BY ALL HAVING list_has_any(list(column_name), ['user_id', 'user_index'])
ORDER BY by_id, table_name
