"""How good a model is: splits, metrics, intervals, and the run that measures."""
