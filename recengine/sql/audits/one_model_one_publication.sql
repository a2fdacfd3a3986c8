-- The file holds one publication, all of it from one model, and every table is there with rows.
SELECT 'publication has ' || count(*) || ' rows' AS problem FROM published.publication HAVING count(*) <> 1
UNION ALL
SELECT 'a row of model ' || model_id || ' is not of the publication'
FROM (SELECT DISTINCT model_id FROM published.recommendations) ANTI JOIN published.publication USING (model_id)
UNION ALL
SELECT 'popular_movies has no segment all'
WHERE NOT EXISTS (SELECT 1 FROM published.popular_movies WHERE segment = 'all')
UNION ALL
SELECT 'the scored data (' || p.input_fingerprint || ') is not the data in the warehouse (' || d.input_fingerprint || ')'
FROM published.publication AS p, ops.dataset AS d WHERE p.input_fingerprint <> d.input_fingerprint
