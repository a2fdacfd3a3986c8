"""recengine: the engine of a nightly batch recommender. Imports no Prefect."""

from importlib.metadata import version

__version__ = version("recengine")
