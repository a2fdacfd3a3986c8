"""recengine: read ratings, fit a model, recommend. The engine of a nightly batch recommender, without Prefect.

>>> data = recengine.read("ml-100k.zip")             # or data frames
>>> model = recengine.fit(data)                      # the nightly run's default model
>>> recengine.recommend(model, users=[1, 2], n=5)    # a DataFrame, as the published tables

Names are imported when they are first used, so that ``import recengine`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recengine.config import VERSION as __version__
    from recengine.errors import RecengineError
    from recengine.evaluation.evaluate import Evaluation
    from recengine.library.dataset import Dataset, read
    from recengine.library.recommender import Recommender, evaluate, fit, load, recommend, similar

__all__ = [
    "Dataset",
    "Evaluation",
    "RecengineError",
    "Recommender",
    "__version__",
    "evaluate",
    "fit",
    "load",
    "read",
    "recommend",
    "similar",
]

_PLACES = {
    "__version__": "config:VERSION",
    "RecengineError": "errors:RecengineError",
    "Evaluation": "evaluation.evaluate:Evaluation",
    "Dataset": "library.dataset:Dataset",
    "read": "library.dataset:read",
    **{
        name: f"library.recommender:{name}"
        for name in ("Recommender", "evaluate", "fit", "load", "recommend", "similar")
    },
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
