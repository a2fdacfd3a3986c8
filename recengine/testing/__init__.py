"""For who builds a model: data whose right answers are known, and what every model must keep."""
