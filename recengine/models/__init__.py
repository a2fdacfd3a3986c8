"""The models by name. Adding one here makes it available everywhere."""

from __future__ import annotations

from typing import Any, Literal

from recengine.errors import BadInput
from recengine.models.base import Model
from recengine.models.popularity import Popularity
from recengine.models.sae import Sae

ModelName = Literal["popularity", "sae"]
DEFAULT: ModelName = "sae"
MODELS: dict[str, type[Model]] = {model.name: model for model in (Popularity, Sae)}


def make(name: str, **config: Any) -> Model:
    """An unfitted model by its name and the knobs of its config.

    Raises
    ------
    BadInput
        No model has that name.
    """
    if name not in MODELS:
        raise BadInput(f"There is no model {name!r}; choose one of {', '.join(MODELS)}.")
    kind = MODELS[name]
    return kind(kind.Config(**config))
