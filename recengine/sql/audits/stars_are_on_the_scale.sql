-- Predicted ratings are finite and inside the data's scale. There are none where the data has no ratings, and none at
-- all of a model that only ranks.
WITH predicting AS (
    SELECT count(predicted_rating) > 0 AS any_stars FROM published.recommendations
)
SELECT 'user ' || user_id || ' rank ' || rank || ' is predicted '
    || coalesce(predicted_rating::VARCHAR, 'NULL') || ' stars'
    || CASE WHEN scale_low IS NULL THEN ' although the data has no ratings' ELSE '' END AS problem
FROM published.recommendations, ops.dataset, predicting
WHERE any_stars AND CASE
    WHEN scale_low IS NULL THEN predicted_rating IS NOT NULL
    ELSE predicted_rating IS NULL OR NOT isfinite(predicted_rating)
        OR predicted_rating NOT BETWEEN scale_low AND scale_high
END
