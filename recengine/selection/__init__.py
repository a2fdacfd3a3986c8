"""Which recipe is published tonight, and whether its tables may be."""
