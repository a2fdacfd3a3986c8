"""The Custom Run form of every flow: each field says what it is, what it may be, and its default."""

from __future__ import annotations

from typing import Any

import pytest
from prefect import Flow
from prefect.utilities.callables import parameter_schema

from flows.features import features
from flows.ingest import ingest
from flows.nightly import nightly
from flows.publish import publish
from flows.rollback import rollback
from flows.score import score
from flows.support.folding import FOLDS
from flows.train import train
from flows.tune import tune
from recengine.errors import BadInput
from recengine.models import MODELS

FLOWS: tuple[Flow[Any, Any], ...] = (nightly, tune, ingest, features, train, score, publish, rollback)

# What a person types in: everything else has choices, bounds, a switch or fields of its own.
FREE_TEXT = {"source", "model_id", "version"}


def fields_of(flow: Flow[Any, Any]) -> dict[str, dict[str, Any]]:
    """Every field of a flow's form, those in boxes as ``box.field``, with references resolved."""
    schema = parameter_schema(flow)
    found: dict[str, dict[str, Any]] = {}
    for name, given in schema.properties.items():
        if name in FOLDS:  # of what stands flat
            continue
        found[name] = given
        parts = [given, *given.get("allOf", []), *given.get("anyOf", [])]
        for box in (schema.definitions[part["$ref"].rsplit("/", 1)[-1]] for part in parts if "$ref" in part):
            found |= {f"{name}.{inner}": field for inner, field in box["properties"].items()}
    return found


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_every_field_has_a_description_and_a_default(flow: Flow[Any, Any]) -> None:
    for name, field in fields_of(flow).items():
        assert len(field.get("description", "")) > 10, f"{flow.name}: {name} has no description"
        assert "default" in field, f"{flow.name}: {name} has no default"
    assert parameter_schema(flow).required == []


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_every_field_is_bounded(flow: Flow[Any, Any]) -> None:
    for name, field in fields_of(flow).items():
        kind = field.get("type")
        if kind in ("integer", "number"):
            low, high = (
                {"minimum", "exclusiveMinimum"} & set(field),
                {"maximum", "exclusiveMaximum"} & set(field),
            )
            assert low, f"{flow.name}: {name} has no lower bound"
            assert high or name.rsplit(".", 1)[-1] in ("min_users", "draws", "seed"), (
                f"{name} has no upper bound"
            )
        elif kind == "string":
            assert "enum" in field or "pattern" in field, f"{flow.name}: {name} takes any text"
        elif kind is None and "anyOf" in field:
            bounded = all({"enum", "pattern"} & set(part) for part in field["anyOf"])
            assert bounded or name in FREE_TEXT, f"{flow.name}: {name} takes anything"


def test_the_nightly_form() -> None:
    fields = fields_of(nightly)
    assert list(fields)[:3] == ["dataset", "source", "top_n"]
    assert (fields["top_n"]["minimum"], fields["top_n"]["maximum"], fields["top_n"]["default"]) == (
        1,
        1000,
        10,
    )
    assert "ml-25m" in fields["dataset"]["enum"]
    built_in, elsewhere = fields["model"]["anyOf"]
    assert built_in["enum"] == list(MODELS)
    assert "mypackage.models:MyModel" in elsewhere["examples"]
    assert fields["limits.max_bad_share"]["maximum"] == 1


@pytest.mark.parametrize(
    "bad", [{"top_n": 0}, {"model": "gpt"}, {"limits": {"max_bad_share": 2}}, {"recency": "on"}]
)
def test_bad_values_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=next(iter(bad))):
        nightly.validate_parameters(bad)
