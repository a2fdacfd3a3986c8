-- Further columns that a dataset.toml names: of users one text each, of movies a list each, like the genres.
ALTER TABLE raw.users ADD COLUMN attributes MAP(VARCHAR, VARCHAR) DEFAULT MAP {};
ALTER TABLE core.users ADD COLUMN attributes MAP(VARCHAR, VARCHAR) DEFAULT MAP {};
ALTER TABLE raw.movies ADD COLUMN categories MAP(VARCHAR, VARCHAR[]) DEFAULT MAP {};
ALTER TABLE core.movies ADD COLUMN categories MAP(VARCHAR, VARCHAR[]) DEFAULT MAP {};
