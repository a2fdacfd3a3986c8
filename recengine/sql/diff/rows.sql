-- Grain: one row: how many rows of each list are compared, those of the version with the shorter lists.
-- Reads: lists_before, lists_after. Writes: nothing.
SELECT coalesce(least((SELECT max(rank) FROM lists_before), (SELECT max(rank) FROM lists_after)), 0)
