-- Grain: one row per usable line of a ratings file whose rating was given before {end}, in seconds since 1970.
-- Reads: raw.ratings_of_all_times, which was raw.ratings. Writes: the view raw.ratings, which copies nothing.
CREATE OR REPLACE VIEW raw.ratings AS
FROM raw.ratings_of_all_times WHERE rated_at < {end}
