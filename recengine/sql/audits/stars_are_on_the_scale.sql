-- Predicted ratings are finite and inside the data's scale; where the data has no ratings, there are none.
SELECT 'user ' || user_id || ' rank ' || rank || ' is predicted '
    || coalesce(predicted_rating::VARCHAR, 'NULL') || ' stars'
    || CASE WHEN scale_low IS NULL THEN ' although the data has no ratings' ELSE '' END AS problem
FROM published.recommendations, ops.dataset
WHERE CASE
    WHEN scale_low IS NULL THEN predicted_rating IS NOT NULL
    ELSE predicted_rating IS NULL OR NOT isfinite(predicted_rating)
        OR predicted_rating NOT BETWEEN scale_low AND scale_high
END
