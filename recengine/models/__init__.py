"""The models by name. Adding one here makes it available everywhere."""

from __future__ import annotations

from typing import Any, Literal, get_args

from recengine.errors import BadInput
from recengine.models.base import Model
from recengine.models.ease import Ease
from recengine.models.hybrid import Hybrid
from recengine.models.popularity import Popularity
from recengine.models.sae import Sae

ModelName = Literal["popularity", "sae", "ease", "hybrid"]
DEFAULT: ModelName = "hybrid"
MODELS: dict[str, type[Model]] = {model.name: model for model in (Popularity, Sae, Ease, Hybrid)}


def checked_model(name: str | None) -> ModelName:
    """A model's name, known to be one; the default for None.

    Raises
    ------
    BadInput
        No model has that name.
    """
    for known in get_args(ModelName):
        if name == known:
            return known
    if name is None:
        return DEFAULT
    raise BadInput(f"There is no model {name!r}; choose one of {', '.join(MODELS)}.")


def make(name: str, **config: Any) -> Model:
    """An unfitted model by its name and the knobs of its config."""
    kind = MODELS[checked_model(name)]
    return kind(kind.Config(**config))
