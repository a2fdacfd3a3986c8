-- One row per input that was published: what the night read, in figures that tell when the data is unlike before.
CREATE TABLE ops.inputs (
    input_fingerprint VARCHAR PRIMARY KEY,
    dataset VARCHAR NOT NULL,
    noted_at TIMESTAMP NOT NULL,           -- UTC
    users BIGINT NOT NULL,                 -- with at least one rating
    movies BIGINT NOT NULL,                -- with at least one rating
    ratings BIGINT NOT NULL,
    ratings_a_user DOUBLE NOT NULL,
    mean_rating DOUBLE NOT NULL,
    mean_age DOUBLE,                       -- years, of users whose age is known
    newest_days DOUBLE                     -- days from the newest rating to noted_at; NULL where times are not known
);
