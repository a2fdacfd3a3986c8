"""Recipes: what trains a model again, also one that an earlier release stored."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from recengine.config import refusal
from recengine.errors import BadInput, BadKnob
from recengine.models.registry import kind_of, make, path_of


class Recipe(BaseModel):
    """A model and the knobs that differ from its defaults: enough to train it again.

    Attributes
    ----------
    model : str
        Its name where it is built in, else its import path.
    config : dict
        Knobs by name.
    """

    model: str
    config: dict[str, Any] = {}


def recipe_for(model: str, /, **asked: Any) -> Recipe:
    """The recipe of a model with those of the asked knobs that it has."""
    kind = kind_of(model)
    fields = kind.Config.model_fields
    return Recipe(
        model=path_of(kind), config={name: value for name, value in asked.items() if name in fields}
    )


def checked_knobs(model: str, knobs: dict[str, Any], within: str = "") -> dict[str, Any]:
    """A model's own knobs, known to be such, as their types; ``within`` is what a refusal names them in.

    Raises
    ------
    BadKnob
        The model has no such knob, or takes no such value.
    """
    kind = kind_of(model).Config
    try:
        return kind(**knobs).model_dump(mode="json", exclude_unset=True)
    except ValidationError as refused:
        knob = ".".join([*filter(None, [within]), *map(str, refused.errors()[0]["loc"])])
        raise BadKnob(knob, refusal(refused, kind, within)) from None


def same_recipe(one: Recipe, other: Recipe) -> bool:
    """Whether both train the same model."""
    return (
        one.model == other.model
        and make(one.model, **one.config).config == make(other.model, **other.config).config
    )


def searched_of(recipe: Recipe) -> dict[str, tuple[Any, ...]]:
    """The knobs that a tuning may move, dotted, with the values to try: all but those that the recipe tells.

    Its seed and its recency are in every recipe: recency counts as told where it is not the default.
    """
    kind = kind_of(recipe.model)
    usual = {"seed": None, "recency": kind().config.model_dump().get("recency")}
    told = [name for name, value in _leaves(recipe.config) if name not in usual or value != usual[name]]
    return {
        knob: values
        for knob, values in kind.searched.items()
        if not any(f"{knob}.".startswith(f"{name}.") or f"{name}.".startswith(f"{knob}.") for name in told)
    }


def with_settings(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """A recipe with dotted knobs in the places of its own; a group that it tells keeps its other knobs."""
    config = copy.deepcopy(recipe.config)
    for dotted, value in settings.items():
        *path, last = dotted.split(".")
        holder = config
        for name in path:
            holder = holder.setdefault(name, {})
        holder[last] = value
    return Recipe(model=recipe.model, config=config)


def value_in(config: BaseModel, dotted: str) -> Any:
    """A config's knob by its dotted name."""
    found: Any = config
    for name in dotted.split("."):
        found = getattr(found, name)
    return found


def _leaves(config: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of all that is no group."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{within}{name}.")
        else:
            yield f"{within}{name}", value


def understood(recipe: Recipe) -> tuple[Recipe | None, tuple[str, ...]]:
    """A stored recipe as far as this code knows it, and the knobs left out; None where the model is there no more.

    A knob is left out where its name is unknown or its value no longer allowed; today's default takes its place.
    """
    try:
        kind = kind_of(recipe.model)
    except BadInput:
        return None, ()
    config, left_out = copy.deepcopy(recipe.config), list[str]()
    while True:
        try:
            kind.Config(**config)
        except ValidationError as refused:
            left_out.append(_leave_out(config, refused.errors()[0]["loc"]))
        else:
            return Recipe(model=recipe.model, config=config), tuple(left_out)


def _leave_out(config: dict[str, Any], where: tuple[int | str, ...]) -> str:
    """Remove the innermost knob on the way to a place; returns its dotted name."""
    path: list[str] = []
    holder, inner = config, config
    for name in map(str, where):
        if not isinstance(inner, dict) or name not in inner:
            break
        path.append(name)
        holder, inner = inner, inner[name]
    del holder[path[-1]]
    return ".".join(path)
