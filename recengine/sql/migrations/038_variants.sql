-- Whose list is which variant's, one row per user; empty where there is one kind of lists. In the order they were asked for:
-- a user has the one at the place that a hash of the id says.
CREATE TABLE scores.variants (user_id BIGINT NOT NULL, variant VARCHAR NOT NULL);
ALTER TABLE scores.origin ADD COLUMN variants VARCHAR[] DEFAULT [];
