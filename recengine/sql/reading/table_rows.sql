-- Grain: one row per table of the published file. DuckDB keeps the number of rows, nothing is counted.
-- Reads: the catalogue. Writes: nothing.
SELECT table_name, estimated_size FROM duckdb_tables() WHERE NOT internal ORDER BY table_name
