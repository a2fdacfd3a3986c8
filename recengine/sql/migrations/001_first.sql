-- The warehouse's first schema.
--   raw.*       what each source file says, row by row, after parsing
--   core.*      what all files together say: the truth the features are built from
--   features.*  long tables (index, index, value) for the models
--   scores.*    the scored tables, waiting for their publication
--   ops.*       the history: loads, files, quarantine, snapshots, models

CREATE SCHEMA raw;
CREATE SCHEMA core;
CREATE SCHEMA features;
CREATE SCHEMA scores;
CREATE SCHEMA ops;

-- One row per schema version this file has had.
CREATE TABLE ops.schema_version (version INTEGER NOT NULL, migrated_at TIMESTAMPTZ NOT NULL);

-- One row per attempt to load a source, newest last.
CREATE TABLE ops.loads (
    load_id VARCHAR NOT NULL,
    status VARCHAR NOT NULL,               -- loaded, unchanged, failed
    dataset VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    layout VARCHAR NOT NULL,
    input_fingerprint VARCHAR,
    started_at TIMESTAMP NOT NULL,         -- UTC
    seconds DOUBLE NOT NULL,
    files_read INTEGER,
    files_unchanged INTEGER,
    files_removed INTEGER,
    ratings BIGINT,
    movies BIGINT,
    users BIGINT,
    users_without_attributes BIGINT,
    repeated_ratings BIGINT,               -- exact repeats, dropped
    superseded_ratings BIGINT,             -- older ratings of a pair rated again
    quarantined BIGINT,
    quarantined_by_reason JSON,
    problem VARCHAR,
    recengine_version VARCHAR NOT NULL
);

-- One row: the dataset that the core tables hold.
CREATE TABLE ops.dataset (
    dataset VARCHAR NOT NULL,
    layout VARCHAR NOT NULL,
    scale_low FLOAT NOT NULL,
    scale_high FLOAT NOT NULL,
    scale_step FLOAT NOT NULL,
    input_fingerprint VARCHAR NOT NULL,
    loaded_at TIMESTAMP NOT NULL
);

-- One row per source file whose rows are in raw.*.
CREATE TABLE ops.files (
    file_id INTEGER NOT NULL,
    role VARCHAR NOT NULL,                 -- ratings, movies, users
    name VARCHAR NOT NULL,                 -- path below the source folder
    sha256 VARCHAR NOT NULL,
    reading VARCHAR NOT NULL,              -- layout, scale and parser version it was read with
    bytes BIGINT NOT NULL,
    rows BIGINT NOT NULL,                  -- data lines, good and bad; blank ones do not count
    bad_rows BIGINT NOT NULL               -- how many of them are in ops.quarantine
);

-- One row per source row that cannot be used.
CREATE TABLE ops.quarantine (
    file_id INTEGER NOT NULL,
    file VARCHAR NOT NULL,
    line BIGINT NOT NULL,                  -- 1 is the file's first line
    reason VARCHAR NOT NULL,
    raw VARCHAR NOT NULL                   -- the line's text, at most 2000 characters
);

-- One row per usable line of a ratings file, whether or not the movie is known.
CREATE TABLE raw.ratings (
    file_id INTEGER NOT NULL, line BIGINT NOT NULL, user_id BIGINT NOT NULL, movie_id BIGINT NOT NULL,
    rating FLOAT NOT NULL, rated_at BIGINT NOT NULL      -- seconds since 1970, UTC
);

-- One row per usable line of a movies file.
CREATE TABLE raw.movies (
    file_id INTEGER NOT NULL, line BIGINT NOT NULL, movie_id BIGINT NOT NULL,
    title VARCHAR NOT NULL, year INTEGER, genres VARCHAR[] NOT NULL
);

-- One row per usable line of a users file.
CREATE TABLE raw.users (
    file_id INTEGER NOT NULL, line BIGINT NOT NULL, user_id BIGINT NOT NULL,
    gender VARCHAR, age INTEGER, occupation VARCHAR, zip VARCHAR
);

-- One row per (user, movie): the newest rating.
CREATE TABLE core.ratings (
    user_id BIGINT NOT NULL, movie_id BIGINT NOT NULL, rating FLOAT NOT NULL, rated_at TIMESTAMP NOT NULL
);

-- One row per movie.
CREATE TABLE core.movies (
    movie_id BIGINT NOT NULL, title VARCHAR NOT NULL, year INTEGER, genres VARCHAR[] NOT NULL
);

-- One row per user that the users files or the ratings name.
CREATE TABLE core.users (
    user_id BIGINT NOT NULL, gender VARCHAR, age INTEGER, occupation VARCHAR, zip VARCHAR,
    ratings BIGINT NOT NULL, first_rated_at TIMESTAMP, last_rated_at TIMESTAMP
);

-- One row: where the rows in scores.* come from.
CREATE TABLE scores.origin (
    model_id VARCHAR NOT NULL, model VARCHAR NOT NULL, dataset VARCHAR NOT NULL,
    snapshot VARCHAR NOT NULL, input_fingerprint VARCHAR NOT NULL,
    top_n INTEGER NOT NULL, generated_at TIMESTAMP NOT NULL         -- UTC
);

-- One row per user and rank.
CREATE TABLE scores.recommendations (
    user_id BIGINT NOT NULL, rank INTEGER NOT NULL, movie_id BIGINT NOT NULL,
    score FLOAT NOT NULL, predicted_rating FLOAT NOT NULL
);

-- One row per movie and neighbour.
CREATE TABLE scores.similar_movies (
    movie_id BIGINT NOT NULL, rank INTEGER NOT NULL, similar_movie_id BIGINT NOT NULL, score FLOAT NOT NULL
);

-- One row per trained model that was kept.
CREATE TABLE ops.models (
    model_id VARCHAR NOT NULL, model VARCHAR NOT NULL, dataset VARCHAR NOT NULL,
    snapshot VARCHAR NOT NULL, input_fingerprint VARCHAR NOT NULL,
    config JSON NOT NULL, metrics JSON NOT NULL, trained_at TIMESTAMP NOT NULL, seconds DOUBLE NOT NULL
);

-- One row per publication and per decision against one; rollbacks too.
CREATE TABLE ops.publications (
    version VARCHAR,                       -- NULL when nothing was published
    action VARCHAR NOT NULL,               -- published, kept, rolled back
    dataset VARCHAR NOT NULL, model_id VARCHAR, input_fingerprint VARCHAR,
    request JSON NOT NULL,                 -- what was asked for: recipe, sizes, code version
    reason VARCHAR NOT NULL, metrics JSON NOT NULL, happened_at TIMESTAMP NOT NULL
);
