"""The models by name, import path or entry point: see ``registry``."""

from recengine.models.registry import DEFAULT, MODELS, ModelName, checked_model, kind_of, make

__all__ = ["DEFAULT", "MODELS", "ModelName", "checked_model", "kind_of", "make"]
