-- Predicted ratings are finite and inside the data's star scale.
SELECT 'user ' || user_id || ' rank ' || rank || ' is predicted '
    || coalesce(predicted_rating::VARCHAR, 'NULL') || ' stars' AS problem
FROM published.recommendations, ops.dataset
WHERE predicted_rating IS NULL OR NOT isfinite(predicted_rating)
    OR predicted_rating NOT BETWEEN scale_low AND scale_high
