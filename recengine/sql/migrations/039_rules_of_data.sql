-- The rules that came with the loaded data: one row per file of the folder that its dataset.toml names.
CREATE TABLE ops.rules_of_data (place INTEGER NOT NULL, path VARCHAR NOT NULL, text VARCHAR NOT NULL);
