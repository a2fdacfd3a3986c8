"""Two or more kinds of lists side by side: what a variant is, and which users get it.

A variant is the night's model with some switches of the lists, such as ``hybrid+diversity`` or
``hybrid+rank_by=0.3``. Who gets which is a hash of the user's id, so that it is the same every night and on every
machine, and as if drawn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from recengine.errors import BadInput
from recengine.knobs.published import SWITCHES, ScoreConfig
from recengine.variety.drawn import VARIANT, drawn

MILD = 0.1  # the weight of a switch that is named without one
MOST = 10  # variants: each has a lister of its own in memory
_PART = re.compile(r"(\w+)(?:=([0-9.]+))?")


class Variant(NamedTuple):
    """A kind of lists.

    Attributes
    ----------
    name : str
        The model's and the switches' that it has beside the others, as they were asked for.
    config : ScoreConfig
        With its switches, and the others as they were.
    """

    name: str
    config: ScoreConfig


def variants_of(model: str, config: ScoreConfig, name: str | None = None) -> list[Variant]:
    """The variants that a config asks for, such as ``hybrid,hybrid+diversity=0.2``; none where it asks for none.

    Parameters
    ----------
    model : str
        What the night's model is asked for as: each variant begins with it.
    config : ScoreConfig
        Its ``variants``, and what holds for all of them.
    name : str, optional
        The name of the model that made the lists, where the night decided for another one: it stands in place of
        ``model`` in theirs.

    Raises
    ------
    BadInput
        One is no variant of the night's model, or stands there twice, or there is only one; the sentence says which.
    """
    asked = [one.strip() for one in config.variants.split(",") if one.strip()]
    if len(asked) == 1 or len(asked) > MOST:
        raise BadInput(
            f"The variants {config.variants!r} are {len(asked)}; give 2 to {MOST} with commas between them, "
            f"such as {model},{model}+diversity."
        )
    found = [_variant(one, model, config, name or model) for one in asked]
    names = [one.name for one in found]
    if twice := next((one for one in names if names.count(one) > 1), None):
        raise BadInput(f"The variant {twice} is asked for twice; name each once.")
    return found


def in_force(config: ScoreConfig, name: str) -> list[Variant]:
    """The variants of lists that the model ``name`` made, whichever was asked for; none where none are asked for."""
    return variants_of(re.split(r"[,+]", config.variants)[0].strip(), config, name)


def kinds_of(config: ScoreConfig) -> list[ScoreConfig]:
    """The switches of each kind of lists: one, or as many as there are variants."""
    return [variant.config for variant in in_force(config, "any")] or [config]


def assigned(user_ids: NDArray[np.int64], variants: int) -> NDArray[np.int64]:
    """Which variant each user gets, in equal shares: a hash of the id, modulo the variants.

    Parameters
    ----------
    user_ids : ndarray of int64, shape (U,)
    variants : int
        How many there are, at least 1.

    Returns
    -------
    ndarray of int64, shape (U,)
        From 0 to variants - 1.
    """
    return drawn(user_ids, VARIANT) % variants


def _variant(asked: str, model: str, config: ScoreConfig, name: str) -> Variant:
    base, *parts = (part.strip().replace("-", "_") for part in asked.split("+"))
    if base != model.replace("-", "_"):
        raise BadInput(
            f"The variant {asked} is not of tonight's model {model}; begin its name with {model}, or ask for "
            "that model: all variants are lists of one model."
        )
    weights = dict(_weight(asked, part) for part in parts)
    try:
        own = ScoreConfig.model_validate(config.model_dump() | {"variants": ""} | weights)
    except ValidationError as error:
        said = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors())
        raise BadInput(f"The variant {asked} has a weight that cannot be ({said}).") from error
    return Variant("+".join([name, *parts]), own)


def _weight(name: str, part: str) -> tuple[str, float]:
    found = _PART.fullmatch(part)
    if not found or found[1] not in SWITCHES:
        raise BadInput(f"The variant {name} has no switch {part!r}; there are {_listed(SWITCHES)}.")
    try:
        return found[1], float(found[2] or MILD)
    except ValueError as error:
        raise BadInput(
            f"The variant {name} has no number after {found[1]}=; give one, such as 0.1."
        ) from error


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
