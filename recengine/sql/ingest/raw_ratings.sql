-- Grain: one row per usable line of a ratings file, whether or not the movie is known.
-- Reads: the table of each file, raw.ratings_<file_id>. Writes: the view raw.ratings.
CREATE OR REPLACE VIEW raw.ratings AS
{files}
