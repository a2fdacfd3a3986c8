-- One row per user who is to stay forgotten: a salted hash of the id, so that loads can leave the user out and nobody
-- reads here who it was. The salt is one for the whole home.
CREATE TABLE ops.forgotten (salt VARCHAR NOT NULL, digest VARCHAR NOT NULL, forgotten_at TIMESTAMP NOT NULL);
