-- Grain: one row per stored text of {column} with a field of a source line that is a forgotten id, a number or the
-- text that one stands for (key_of in ingest/macros.sql), or that holds a given text.
-- Reads, writes: {table}.
UPDATE {table} SET {column} = 'removed: it named a forgotten user'
WHERE len(list_filter($texts::VARCHAR[], lambda text: contains({column}, text))) > 0
OR len(list_filter(
    string_split_regex({column}, '[,;|:\s"]+'),
    lambda field: list_has_any($digests::VARCHAR[], [
        sha256($salt || regexp_replace(field, '\.0+$', '')),
        sha256($salt || (md5_number_lower(field) % 9007199254740992)::VARCHAR)
    ])
)) > 0
