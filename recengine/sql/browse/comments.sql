-- Grain: one row per column of the open file's tables and views: its type, and what it is as its comment says.
-- Reads: the catalogue. Writes: nothing.
SELECT table_name, column_name, data_type, comment
FROM duckdb_columns() WHERE NOT internal ORDER BY table_name, column_index
