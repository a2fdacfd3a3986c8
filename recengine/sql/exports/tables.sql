-- Grain: one row per published table, by name.
-- Reads: the catalogue of the published file. Writes: nothing.
SELECT
    table_name,
    comment,
    coalesce((
        SELECT any_value(constraint_column_names)
        FROM duckdb_constraints() AS keys
        WHERE keys.table_oid = tables.table_oid AND keys.database_oid = tables.database_oid
            AND constraint_type = 'PRIMARY KEY'
    ), []) AS key
FROM duckdb_tables() AS tables
WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal
ORDER BY table_name
