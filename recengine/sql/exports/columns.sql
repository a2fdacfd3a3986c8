-- Grain: one row per column of a published table, in its order.
-- Reads: the catalogue of the published file. Writes: nothing.
SELECT column_name, data_type, is_nullable, comment
FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal AND table_name = $table_name
ORDER BY column_index
