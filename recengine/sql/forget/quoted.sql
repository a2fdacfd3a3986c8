-- Grain: one row per stored text of {column} with a field of a source line that is a forgotten id.
-- Reads, writes: {table}.
UPDATE {table} SET {column} = 'removed: it named a forgotten user'
WHERE len(list_filter(
    string_split_regex({column}, '[,;|:\s"]+'),
    lambda field: list_contains($digests::VARCHAR[], sha256($salt || regexp_replace(field, '\.0+$', '')))
)) > 0
