"""The public library behind ``import recengine``: data in, a model, lists out; no Prefect and no home needed."""
