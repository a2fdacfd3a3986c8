"""Prefect's server on this box: started, guarded, set up."""
