"""Forms as people see them: labels in words, first things first, the rest folded, kept versions as choices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import validate

from flows.ingest import ingest
from flows.nightly import nightly
from flows.publish import publish
from flows.rollback import rollback
from flows.score import score
from flows.support.choices import GROUPS, ROLLBACK, WORDS, for_people, offer_versions
from flows.support.folding import CONFIGS, FOLDS, folded_values, unfolded
from flows.train import train
from flows.tune import tune
from recengine.config import Home
from recengine.errors import BadInput

FLOWS: tuple[Flow[Any, Any], ...] = (nightly, tune, ingest, train, score, publish, rollback)


def test_the_first_fields_are_those_asked_most_and_the_rest_is_folded() -> None:
    shown = for_people(parameter_schema(nightly).model_dump())
    fields = sorted(shown["properties"].values(), key=lambda field: field["position"])
    assert [field["title"] for field in fields] == [
        "Dataset",
        "Folder or zip of your own",
        "Model",
        "Recommendations per user",
        "Force",
        "What lists hold",
        "How the model learns and is judged",
        "Where it is computed",
        "What is published besides the lists",
        "Which rows are refused",
        "How good a new model must be",
        "When the last verdict still stands",
        "When new lists look broken",
        "How long things are kept",
    ]
    assert all(field["default"] is None for field in fields[5:])
    inner = shown["definitions"]["GateConfig-form"]["properties"]
    assert inner["bootstrap_samples"]["title"] == "Samples of the interval"


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_every_field_of_a_flow_is_somewhere_in_its_form(flow: Flow[Any, Any]) -> None:
    made = parameter_schema(flow).model_dump()
    shown = for_people(made)
    folds = [shown["definitions"][name]["properties"] for name in shown["properties"] if name in FOLDS]
    inside = [field for fold in folds for field in fold]
    seen = [name for name in shown["properties"] if name not in FOLDS]
    assert sorted([*seen, *inside]) == sorted(made["properties"].keys() - FOLDS.keys())
    assert len(shown["properties"].keys() - FOLDS.keys() - set(CONFIGS)) <= 5, (
        "more stands open than is asked"
    )
    labels = [field["title"] for fields in (shown["properties"], *folds) for field in fields.values()]
    assert all(label[0].isupper() and "_" not in label for label in labels)
    assert len(set(labels)) == len(labels)


def test_every_word_is_of_a_field() -> None:
    known = set()
    for flow in FLOWS:
        schema = parameter_schema(flow)
        inner = (name for group in schema.definitions.values() for name in group["properties"])
        known |= {*(schema.properties.keys() - FOLDS.keys()), *inner}
    assert {*GROUPS, *WORDS, *(field for fold in FOLDS.values() for field in fold.fields)} <= known


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"lists": {"diversity": 2}}, ["lists", "diversity"]),
        ({"gate": {"metric": "auc"}}, ["gate", "metric"]),
        ({"diversity": 2}, ["diversity"]),
    ],
)
def test_what_is_wrong_is_said_at_its_field(sent: dict[str, Any], said: list[str]) -> None:
    found = validate(sent, for_people(parameter_schema(nightly).model_dump()))
    assert said in [list(error.absolute_path) for error in found]


def test_what_was_stored_flat_is_taken_and_what_is_folded_counts_first() -> None:
    schema = for_people(parameter_schema(nightly).model_dump())
    stored = {"diversity": 0.2, "seed": 3, "gate": {"tolerance": 0.02}, "top_n": 7}
    asked = {**stored, "lists": {"diversity": 0.1}, "publication": None, "reuse": None}
    assert validate(stored, schema) == []
    assert validate(asked, schema) == []
    assert folded_values(stored) == {
        "lists": {"diversity": 0.2},
        "learning": {"seed": 3},
        "gate": {"tolerance": 0.02},
        "top_n": 7,
    }
    taken = nightly.validate_parameters(asked)
    assert (taken["diversity"], taken["seed"], taken["gate"].tolerance, taken["top_n"]) == (0.1, 3, 0.02, 7)
    assert taken.keys() == nightly.validate_parameters({}).keys()
    assert unfolded(folded_values(stored)) == stored
    with pytest.raises(BadInput, match=r"There is no field 'diversty' in the form of nightly; .*diversity"):
        nightly.validate_parameters({"lists": {"diversty": 0.1}})
    assert [error.message.partition(",")[0] for error in validate({"top": 7}, schema)] == [
        "'top' is not one of ['dataset'"
    ]


@pytest.mark.prefect
def test_a_rollback_offers_what_is_kept(client: SyncPrefectClient, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    offer_versions(home)  # no such deployment: nothing happens
    schema = parameter_schema(rollback).model_dump()
    flow = client.create_flow(rollback)
    made = client.create_deployment(flow, "rollback", parameter_openapi_schema=schema)
    offer_versions(home)
    field = client.read_deployment_by_name(ROLLBACK).parameter_openapi_schema["properties"]["version"]
    assert "enum" not in field, "free text, where nothing is kept"
    home.serving.mkdir(parents=True)
    kept = ["20260101-000000-000", "20260102-000000-000"]
    for version in kept:
        (home.serving / f"serving-{version}.duckdb").touch()
    for _ in range(2):
        offer_versions(home)
        found = client.read_deployment_by_name(ROLLBACK)
        assert found.parameter_openapi_schema["properties"]["version"]["enum"] == kept[::-1]
    client.create_flow_run_from_deployment(made, parameters={"version": kept[0]})
    client._client.delete(f"/deployments/{made}")
