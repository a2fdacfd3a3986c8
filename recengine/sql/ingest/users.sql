-- Grain: one row per usable line of a users file, position counting the file's records.
-- Reads: {records}, the file as line and text columns. Writes: raw.users. An age or gender that cannot be read is
-- missing, not a reason to lose the user.
INSERT INTO raw.users (file_id, line, user_id, gender, age, occupation, zip, attributes)
WITH records AS (
    SELECT line, user_id, {gender} AS gender, {age} AS age,
        {occupation} AS occupation, {zip} AS zip, {attributes} AS attributes
    FROM {records}
),
final AS (
    SELECT
        $file_id, line, id_of(user_id) AS user_id,
        CASE upper(strip(gender))[1] WHEN 'F' THEN 'F' WHEN 'M' THEN 'M' END AS gender,
        CASE WHEN try_cast(age AS DOUBLE) BETWEEN 1 AND 120 THEN floor(try_cast(age AS DOUBLE))::INTEGER END AS age,
        nullif(strip(occupation), '') AS occupation,
        nullif(strip(zip), '') AS zip,
        attributes
    FROM records
    WHERE user_reason(user_id) IS NULL
)
SELECT * FROM final
