-- What made the scored lists other than the model's best scores, as a JSON list, each with what it costs where known.
ALTER TABLE scores.origin ADD COLUMN switches JSON DEFAULT '[]';
