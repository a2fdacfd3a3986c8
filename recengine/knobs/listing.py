"""Every knob in a list: its value, where that comes from, what it may be and what it does."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from typing import Any, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from recengine.knobs.sources import InForce, Knobs


def rows(found: InForce, model: type[BaseModel]) -> list[dict[str, str]]:
    """One row per knob in force: name, value as JSON, source and description.

    Parameters
    ----------
    found : InForce
    model : type of BaseModel
        The config of the model in force, whose own knobs stand among the rows.
    """
    listed = []
    for knob, value, field in _leaves(found.knobs):
        if knob == "train.knobs":
            config = model(**found.knobs.train.knobs)
            listed += [row for row in _leaves(config, f"{knob}.") if row[0] not in ELSEWHERE]
        else:
            listed.append((knob, value, field))
    return [
        {
            "knob": knob,
            "value": _json(value),
            "from": found.origin(knob),
            "description": field.description or "",
        }
        for knob, value, field in listed
    ]


def markdown(kind: type[BaseModel], within: str = "", without: Container[str] = ()) -> str:
    """A table of a config's knobs: name, default, what it may be, what it does; empty where there are none."""
    lines = ["| knob | default | may be | what it does |", "| --- | --- | --- | --- |"]
    for knob, value, field in _leaves(kind(), within):
        if knob in without:
            continue
        cells = (f"`{knob}`", f"`{_json(value)}`", allowed(field), field.description or "")
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def stages() -> Iterator[tuple[str, type[BaseModel]]]:
    """Each stage and its config."""
    for stage, field in Knobs.model_fields.items():
        yield stage, type(field.default)


def allowed(field: FieldInfo) -> str:
    """What a knob may be, in words of the docs."""
    choices = [str(choice) for choice in get_args(field.annotation) if isinstance(choice, str)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    bounds = [
        f"{sign} {_plain(getattr(bound, name))}"
        for bound in field.metadata
        for kind, sign, name in ((Gt, ">", "gt"), (Ge, "≥", "ge"), (Lt, "<", "lt"), (Le, "≤", "le"))
        if isinstance(bound, kind)
    ]
    return ", ".join([_KINDS.get(field.annotation, "list"), *bounds])


_KINDS: dict[Any, str] = {
    int: "whole number",
    float: "number",
    bool: "true, false",
    str: "text",
    dict[str, Any]: "table",
}

# The model's own seed and recency are those of training.
ELSEWHERE = {"train.knobs.seed", "train.knobs.recency"}


def _plain(bound: float) -> str:
    return f"{bound:,}" if bound == int(bound) else f"{bound:g}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _leaves(config: BaseModel, within: str = "") -> Iterator[tuple[str, Any, FieldInfo]]:
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{within}{name}.")
        else:
            yield f"{within}{name}", value, field
