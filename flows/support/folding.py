"""The folded groups of a form: what few change stands behind a line with words, and opens with a click.

Both of Prefect's interfaces draw a value that is null or an object as two tabs, and show the object's fields only
where its tab is chosen: that folds. A form's groups exist on the server alone; a flow's parameters stay flat, and
what is stored or sent flat, as before there were groups, is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple

Schema = dict[str, Any]

AS_SET, CHANGE = "as set", "change"


class Fold(NamedTuple):
    """A line of the form: its label, its description, and the fields behind it, in their order."""

    title: str
    description: str
    fields: tuple[str, ...]


FOLDS = {
    "lists": Fold(
        "What lists hold",
        "Similar movies, reasons, diversity and the other switches, variants, rules",
        (
            *("similar_n", "genre_n", "reasons", "diversity", "calibration", "popularity_debias", "rank_by"),
            *("variants", "rules", "rule_parameters"),
        ),
    ),
    "learning": Fold(
        "How the model learns and is judged",
        "Recency, the model's own knobs, seed, and the ratings that candidates are judged on",
        ("recency", "knobs", "seed", "first_night", "holdout_share", "judged_ratings"),
    ),
    "searching": Fold(
        "When a knob may leave its default", "How much is tried, and who has to agree", ("trials", "agree")
    ),
    "computing": Fold(
        "Where it is computed", "CPU or GPU, this machine or a cluster", ("device", "engine", "ray_address")
    ),
    "publication": Fold(
        "What is published besides the lists",
        "Popular movies, ratings, exports, and how many versions are kept",
        ("popular_rows", "popular_prior_users", "ratings", "exports", "keep_versions"),
    ),
}
# Groups that a flow's parameters have of themselves.
CONFIGS = ("limits", "gate", "reuse", "guard", "retention")
_FOLD_OF = {field: name for name, fold in FOLDS.items() for field in fold.fields}


def folded(schema: Schema) -> Schema:
    """A form's schema with its groups folded; it takes the flat names too, which nobody sees, and no others.

    Parameters
    ----------
    schema : dict
        With labels and positions. A field's place within its group is its place in ``FOLDS``.
    """
    fields = {name: field for name, field in schema["properties"].items() if name not in FOLDS}
    definitions = dict(schema.get("definitions", {}))
    flat = {name: fields.pop(name) for name in list(fields) if name in _FOLD_OF}
    configs = {name: fields.pop(name) for name in CONFIGS if name in fields}
    for name, fold in FOLDS.items():
        within = [field for field in fold.fields if field in flat]
        if within:
            inner = {field: flat[field] | {"position": at} for at, field in enumerate(within)}
            definitions[name] = {"type": "object", "properties": inner, "additionalProperties": False}
            fields[name] = _line(definitions, name, fold.title, fold.description)
    for name, field in configs.items():
        group = next(part["$ref"] for part in (field, *field.get("allOf", ())) if "$ref" in part)
        fields[name] = _line(definitions, group.rsplit("/", 1)[-1], field["title"], field["description"])
    placed = {name: field | {"position": at} for at, (name, field) in enumerate(fields.items())}
    closed = {"allOf": [{"properties": flat}], "propertyNames": {"enum": [*placed, *flat]}}
    return schema | {"properties": placed, "definitions": definitions} | closed


def folded_values(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A form's values where they stand in the folded form."""
    found: dict[str, Any] = {}
    for name, value in unfolded(parameters).items():
        if name in _FOLD_OF:
            found.setdefault(_FOLD_OF[name], {})[name] = value
        else:
            found[name] = value
    return found


def unfolded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A form's values as the flow's parameters; what stands in a group counts before the same said flat."""
    groups = {name: value for name, value in parameters.items() if name in FOLDS or name in CONFIGS}
    flat = {name: value for name, value in parameters.items() if name not in groups}
    for name, value in groups.items():
        if name in FOLDS and isinstance(value, Mapping):
            flat |= value
        elif value is not None:
            flat[name] = value
    return flat


def _line(definitions: Schema, group: str, title: str, description: str) -> Schema:
    """A group's field: null or the group.

    What is wrong is looked for by the condition beside the choice, which names the field; the choice itself, which
    would only say that none of its parts fits, holds no bounds but those that an input shows.
    """
    shown = f"{group}-form"
    definitions[shown] = _loose(definitions[group]) | {"title": CHANGE}
    return {
        "title": title,
        "description": description,
        "anyOf": [{"type": "null", "title": AS_SET}, {"$ref": f"#/definitions/{shown}"}],
        "default": None,
        "if": {"type": "object"},
        "then": {"$ref": f"#/definitions/{group}"},
    }


def _loose(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_loose(part) for part in schema]
    if not isinstance(schema, dict):
        return deepcopy(schema)
    return {name: _loose(part) for name, part in schema.items() if name not in _UNSEEN_BOUNDS}


_UNSEEN_BOUNDS = {"pattern", "exclusiveMinimum", "exclusiveMaximum", "maxLength", "maxItems"}
