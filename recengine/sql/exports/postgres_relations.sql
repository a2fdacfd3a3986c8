-- Grain: one row per table, view or other relation of a schema that has one of some names.
-- Reads: PostgreSQL's catalogue. Writes: nothing.
SELECT relname, relkind::text AS relkind FROM pg_class
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s) AND relname = ANY(%(names)s)
ORDER BY relname
