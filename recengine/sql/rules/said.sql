-- Grain: one row, what all rules of a file say, as one text; empty where there are none.
-- Reads: {rules}.
SELECT coalesce(string_agg(concat_ws(chr(10), name, query, parameters), chr(10) ORDER BY name), '') AS said FROM {rules}
