"""What a night costs at every size, next to its physical floors and to peers: ``python -m benchmarks.scale``."""
