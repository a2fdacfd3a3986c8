"""Users' tables made shard by shard on files, wherever an engine works, and read in the order of the shards."""
