-- Grain: one row per privilege that somebody but its owner has on a table or view of a schema.
-- Reads: PostgreSQL's catalogue. Writes: nothing.
SELECT relname, CASE grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(grantee) END AS grantee, privilege_type, is_grantable
FROM pg_class CROSS JOIN LATERAL aclexplode(relacl)
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
    AND relname = ANY(%(names)s) AND grantee <> relowner
ORDER BY relname, grantee, privilege_type
