-- What each rule, and what all of them together, change nDCG by on held-out ratings; NULL or no row where not measured.
ALTER TABLE scores.rules ADD COLUMN ndcg_without DOUBLE;
ALTER TABLE scores.rules ADD COLUMN ndcg_change_low DOUBLE;
ALTER TABLE scores.rules ADD COLUMN ndcg_change_high DOUBLE;
CREATE TABLE scores.rules_together (price JSON);
