-- Grain: one row per process that reads or writes one of some tables and views.
-- Reads: PostgreSQL's catalogue. Writes: nothing.
SELECT DISTINCT pid, usename, application_name
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE pid <> pg_backend_pid() AND relation IN (
    SELECT oid FROM pg_class
    WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s) AND relname = ANY(%(names)s)
)
ORDER BY pid
