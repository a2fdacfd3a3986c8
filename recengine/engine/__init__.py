"""Where the work on shards is done: one after the other in this process, or as tasks of a Ray cluster."""
