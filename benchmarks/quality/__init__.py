"""How good the lists and the stars are, against peers in the same run: ``python -m benchmarks.quality``."""
