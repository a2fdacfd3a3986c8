"""Forms as people see them: labels in words, first things first, kept versions as choices."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.utilities.callables import parameter_schema

from flows.nightly import nightly
from flows.rollback import rollback
from flows.support.choices import GROUPS, ROLLBACK, WORDS, for_people, offer_versions
from recengine.config import Home


def test_the_first_fields_are_those_asked_most_and_groups_have_peoples_names() -> None:
    made = parameter_schema(nightly).model_dump()
    shown = for_people(made)
    fields = sorted(shown["properties"].values(), key=lambda field: field["position"])
    titles = [field["title"] for field in fields]
    assert titles[:5] == [
        "Dataset",
        "Folder or zip of your own",
        "Model",
        "Recommendations per user",
        "Force",
    ]
    assert set(titles[-5:]) == set(GROUPS.values())
    inner = shown["definitions"]["GateConfig"]["properties"]
    assert inner["bootstrap_samples"]["title"] == "Samples of the interval"
    assert all(title[0].isupper() and "_" not in title for title in titles)
    assert shown["properties"].keys() == made["properties"].keys(), "parameters keep their names"
    known = {
        *shown["properties"],
        *(name for group in shown["definitions"].values() for name in group["properties"]),
    }
    assert {*GROUPS, *WORDS} <= known


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
