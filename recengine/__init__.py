"""recengine: the engine of a nightly batch recommender. Imports no Prefect."""

from recengine.config import VERSION as __version__

__all__ = ["__version__"]
