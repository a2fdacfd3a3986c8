-- Grain: one row per user, as ingested; user_key is the id as the source writes it. The zip code stays in the warehouse: no reader of lists needs it.
-- Reads: core.users. Writes: published.users.
CREATE TABLE published.users (
    user_id BIGINT PRIMARY KEY,
    gender VARCHAR,
    age INTEGER,
    occupation VARCHAR,
    ratings BIGINT NOT NULL,
    first_rated_at TIMESTAMP WITH TIME ZONE,
    last_rated_at TIMESTAMP WITH TIME ZONE,
    attributes MAP(VARCHAR, VARCHAR),
    user_key VARCHAR NOT NULL
);
COMMENT ON TABLE published.users IS 'One row is a user id of the source.';
COMMENT ON COLUMN published.users.user_id IS 'the source''s id, or the number that stands for a text id';
COMMENT ON COLUMN published.users.gender IS 'NULL where unknown';
COMMENT ON COLUMN published.users.age IS 'as the source has it (ml-1m writes the lower end of a band); NULL where unknown';
COMMENT ON COLUMN published.users.occupation IS 'NULL where unknown';
COMMENT ON COLUMN published.users.ratings IS 'how many movies the user rated';
COMMENT ON COLUMN published.users.first_rated_at IS 'NULL where ratings are undated';
COMMENT ON COLUMN published.users.last_rated_at IS 'NULL where ratings are undated';
COMMENT ON COLUMN published.users.attributes IS 'further columns that a dataset.toml declares, such as attributes[''country'']';
COMMENT ON COLUMN published.users.user_key IS 'the id as the source writes it';
INSERT INTO published.users BY NAME
SELECT user_id, gender, age, occupation, ratings,
    -- 1970 stands for no time
    nullif(first_rated_at, TIMESTAMP 'epoch') AT TIME ZONE 'UTC' AS first_rated_at,
    nullif(last_rated_at, TIMESTAMP 'epoch') AT TIME ZONE 'UTC' AS last_rated_at, attributes,
    coalesce(user_key, user_id::VARCHAR) AS user_key
FROM core.users ORDER BY user_id
