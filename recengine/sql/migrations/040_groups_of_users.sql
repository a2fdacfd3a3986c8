-- Outcomes by group of users, one of 64 by a hash of the id, so that a difference between variants can be judged by how groups
-- differ; 0 where there is one kind of lists.
ALTER TABLE ops.outcomes ADD COLUMN user_group INTEGER DEFAULT 0;
