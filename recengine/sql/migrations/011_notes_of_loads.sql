-- What a person should know about a load: files that were left out, what the files do not say.
ALTER TABLE ops.loads ADD COLUMN notes VARCHAR[];
