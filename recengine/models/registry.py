"""The models: those built in by name, anybody's by import path or entry point (group ``recengine.models``)."""

from __future__ import annotations

import hashlib
import inspect
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from recengine.errors import BadInput
from recengine.models.base import Model, ModelConfig
from recengine.models.ease import Ease
from recengine.models.hybrid import Hybrid
from recengine.models.popularity import Popularity
from recengine.models.sae import Sae
from recengine.runtime.doors import IMPORT_PATH, Door
from recengine.runtime.identity import code_identity

MODELS: dict[str, type[Model]] = {model.name: model for model in (Popularity, Sae, Ease, Hybrid)}
DEFAULT = "hybrid"

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,60}")  # begins the names of folders


def _problem_of(found: Any) -> str | None:
    if not (isinstance(found, type) and issubclass(found, Model)):
        return "it is not a subclass of recengine.models.base.Model"
    if inspect.isabstract(found):
        return f"it does not define {', '.join(sorted(found.__abstractmethods__))}"
    if not issubclass(found.Config, ModelConfig):
        return "its Config is not a subclass of recengine.models.base.ModelConfig"
    if not _NAME.fullmatch(found.name):
        return f"its name {found.name!r} is not made of letters, digits, dots, dashes and underscores"
    if MODELS.get(found.name, found) is not found:
        return f"its name {found.name!r} is that of a built-in model"
    return None


DOOR: Door[type[Model]] = Door("model", "recengine.models", MODELS, _problem_of)


def kind_of(name: str) -> type[Model]:
    """The class of a model, by its built-in name, its import path or the name of an entry point.

    Raises
    ------
    BadInput
        There is none, it cannot be imported, or it is no model.
    """
    return DOOR.find(name)


def path_of(kind: type[Model]) -> str:
    """What a recipe calls a model: its name where it is built in, else ``module:Class``."""
    return DOOR.path_of(kind)


def checked_model(name: str | None) -> str:
    """A model's name or import path as recipes have it, known to be one; the default for None.

    Raises
    ------
    BadInput
        There is no such model.
    """
    return DEFAULT if name is None else path_of(kind_of(name))


def _checked(name: Any) -> Any:
    try:
        return checked_model(name) if isinstance(name, str) else name
    except BadInput as error:  # for pydantic, whose errors name the field
        raise ValueError(str(error)) from error


BuiltIn = Annotated[Literal["popularity", "sae", "ease", "hybrid"], Field(title="built in")]
Elsewhere = Annotated[
    str,
    Field(
        title="import path",
        pattern=rf"^({IMPORT_PATH}|[\w.-]+)$",
        max_length=200,
        examples=["mypackage.models:MyModel"],
    ),
]
# A form offers the built-in ones as choices, and a field for any other.
ModelName = Annotated[BuiltIn | Elsewhere, BeforeValidator(_checked)]


def make(name: str, **config: Any) -> Model:
    """An unfitted model by its name or import path and the knobs of its config.

    Raises
    ------
    BadInput
        There is no such model.
    """
    kind = kind_of(name)
    return kind(kind.Config(**config))


def code_of(kind: type[Model]) -> str:
    """Hash of the code that a model is made by: the engine's, and of a stranger's the files of its classes.

    What those files import is not followed: who changes only that raises a number in the class's file, or trains
    with ``--from-scratch``.
    """
    others = [cls for cls in kind.__mro__ if issubclass(cls, Model) and not _is_ours(cls)]
    if not others:
        return code_identity()
    found = hashlib.sha256(code_identity().encode())
    for cls in others:
        found.update(f"{cls.__module__}:{cls.__qualname__}\n".encode() + _source_of(cls))
    return found.hexdigest()[:12]


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "recengine"


@cache
def _source_of(cls: type) -> bytes:
    """The file of a class, read once per process; nothing where it has none (made in a session)."""
    try:
        return Path(inspect.getfile(cls)).read_bytes()
    except (OSError, TypeError):
        return b""
