-- Ids that are text in the files: the number that stands for each, everywhere else, and the text.

-- One row per file and text id.
CREATE TABLE raw.user_keys (file_id INTEGER NOT NULL, user_id BIGINT NOT NULL, user_key VARCHAR NOT NULL);
CREATE TABLE raw.movie_keys (file_id INTEGER NOT NULL, movie_id BIGINT NOT NULL, movie_key VARCHAR NOT NULL);

-- NULL where the id is a number in the files too.
ALTER TABLE core.users ADD COLUMN user_key VARCHAR;
ALTER TABLE core.movies ADD COLUMN movie_key VARCHAR;
