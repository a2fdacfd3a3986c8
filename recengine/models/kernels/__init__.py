"""Compiled loops and top-N, with no knowledge of any model."""
