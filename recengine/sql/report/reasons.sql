-- Grain: one row per user and rank, of those in report/lists that are published with reasons: what speaks for it, in words.
-- Reads: reasons_detailed (of a published file). Writes: nothing.
SELECT user_id, rank, string_agg(
    coalesce(because_title, attribute, CASE kind
        WHEN 'popularity' THEN 'many rate it'
        WHEN 'trend' THEN 'many rate it now'
        WHEN 'rule' THEN 'rules'
        ELSE 'the switches of the lists' END) || ' (' || round(100 * share)::INTEGER || ' %)', '; ' ORDER BY reason
) AS among
FROM published.reasons_detailed
WHERE kind <> 'rest'
    AND user_id IN (SELECT DISTINCT user_id FROM published.recommendations ORDER BY user_id LIMIT $n)
GROUP BY user_id, rank
