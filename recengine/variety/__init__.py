"""Lists that are more than the n best scores: capped, pinned, diverse, or calibrated to what a user watches."""
