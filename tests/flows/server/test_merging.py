"""Setting up again: what the YAML or ``recengine serve`` changed is applied, what a person edited stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule

from flows.server import options
from flows.server.merging import just_told, merged, schedules, with_options
from flows.server.setup import YAML
from recengine.config import Home
from recengine.errors import BadInput
from recengine.knobs.stages import IngestConfig
from recengine.serving.continuity import Night

SHIPPED = {entry["name"]: entry for entry in yaml.safe_load(YAML.read_text())["deployments"]}
NIGHTLY, TUNE = SHIPPED["nightly"], SHIPPED["tune"]


def on_server(cron: str = "30 3 * * *", timezone: str = "UTC", **values: Any) -> DeploymentResponse:
    """The nightly deployment as it was shipped, but for these values."""
    shipped = {name: NIGHTLY[name] for name in ("name", "description", "tags", "parameters")}
    schedule = DeploymentSchedule(
        schedule=CronSchedule(cron=cron, timezone=timezone), active=True, slug="every-night"
    )
    return DeploymentResponse(**shipped | {"flow_id": uuid4(), "schedules": [schedule]} | values)


def when(wanted: dict[str, Any], found: DeploymentResponse, said: tuple[str, ...] = ()) -> list[Any]:
    """Cron and timezone of the schedules that would be changed."""
    add, change, remove = schedules(wanted, NIGHTLY, found, said)
    assert (add, remove) == ([], [])
    return [(cron.cron, cron.timezone) for _, cron in change]


def test_edits_made_in_the_ui_stay() -> None:
    edited = {"parameters": {"source": "/x", "top_n": 12}, "tags": ["ours"], "description": "Ours"}
    again = merged(NIGHTLY, NIGHTLY, on_server(**edited))
    assert {name: again[name] for name in edited} == edited
    assert again["schedules"] == []  # not touched
    assert when(NIGHTLY, on_server("0 5 * * *", "Europe/Berlin")) == []
    assert schedules(NIGHTLY, NIGHTLY, on_server(schedules=[])) == ([], [], []), "deleted in the UI"


def test_what_the_yaml_changed_is_applied_where_nobody_edited() -> None:
    newer = NIGHTLY | {
        "description": "New",
        "parameters": {"recency": "off", "top_n": 30},
        "schedules": [{"slug": "every-night", "cron": "0 4 * * *", "timezone": "UTC"}],
    }
    again = merged(newer, NIGHTLY, on_server(parameters={"top_n": 12}))
    assert again["description"] == "New"
    assert again["parameters"] == {"recency": "off", "top_n": 12}
    assert when(newer, on_server()) == [("0 4 * * *", "UTC")]
    assert when(newer, on_server("0 5 * * *", "Europe/Berlin")) == []
    assert when(newer, on_server(timezone="Europe/Berlin")) == [("0 4 * * *", "Europe/Berlin")]
    renamed = NIGHTLY | {"schedules": [{"slug": "weekly", "cron": "0 4 * * 0", "timezone": "UTC"}]}
    add, change, remove = schedules(renamed, NIGHTLY, on_server())
    assert ([new["slug"] for new in add], change, [old.slug for old in remove]) == (
        ["weekly"],
        [],
        ["every-night"],
    )


def test_what_serve_is_told_now_wins() -> None:
    remembered = with_options(NIGHTLY, {"source": "/b", "cron": "0 4 * * *"}, [])
    found = on_server("0 5 * * *", "Europe/Berlin", parameters={"source": "/a", "top_n": 12})
    assert merged(remembered, NIGHTLY, found, ["source"])["parameters"] == {"source": "/b", "top_n": 12}
    assert when(remembered, found, ("cron",)) == [("0 4 * * *", "Europe/Berlin")]
    assert merged(remembered, remembered, found)["parameters"] == {"source": "/a", "top_n": 12}, (
        "told earlier, edited since"
    )
    assert merged(NIGHTLY, remembered, on_server(parameters={"source": "/b"}), ["source"])["parameters"] == {}


def test_the_tuning_has_a_schedule_of_its_own() -> None:
    told = {"source": "/b", "cron": "0 5 * * *", "tune_cron": "0 6 * * 1", "timezone": "Europe/Berlin"}
    nightly, weekly = with_options(NIGHTLY, told, []), with_options(TUNE, told, [])
    assert [(at["cron"], at["timezone"]) for at in nightly["schedules"]] == [("0 5 * * *", "Europe/Berlin")]
    assert [(at["cron"], at["timezone"]) for at in weekly["schedules"]] == [("0 6 * * 1", "Europe/Berlin")]
    assert weekly["parameters"] == {}, "it tunes on what the home holds"
    assert just_told(NIGHTLY, ["source", "cron", "tune_cron"]) == ["source", "cron"]
    assert just_told(TUNE, ["source", "cron", "tune_cron"]) == ["cron"]
    assert just_told(TUNE, ["source", "cron"]) == []
    assert with_options(SHIPPED["ingest"], told, []) == SHIPPED["ingest"]


def test_a_tuning_that_is_switched_off_goes_and_comes_back() -> None:
    off = with_options(TUNE, {"tune_cron": "off"}, [])
    [at] = TUNE["schedules"]
    weekly = DeploymentSchedule(
        schedule=CronSchedule(cron=at["cron"], timezone="UTC"), active=True, slug=at["slug"]
    )
    shipped = {name: TUNE[name] for name in ("name", "description", "tags", "parameters")}
    running = DeploymentResponse(**shipped, flow_id=uuid4(), schedules=[weekly])
    assert schedules(off, TUNE, running, ["cron"]) == ([], [], [weekly])
    stopped = running.model_copy(update={"schedules": []})
    assert schedules(off, off, stopped) == ([], [], []), "it stays off"
    assert schedules(TUNE, off, stopped, ["cron"]) == ([at], [], [])


def test_the_demo_that_earlier_releases_fixed_goes() -> None:
    assert merged(NIGHTLY, None, on_server(parameters={"dataset": "demo"}))["parameters"] == {}
    edited = {"dataset": "demo", "source": "/x"}
    assert merged(NIGHTLY, None, on_server(parameters=edited))["parameters"] == {"source": "/x"}
    assert merged(NIGHTLY, None, on_server(parameters={"dataset": "ml-1m"}))["parameters"] == {
        "dataset": "ml-1m"
    }


def test_a_source_that_was_published_is_read_as_then() -> None:
    nights = [Night(source="/mine", limits=IngestConfig(max_bad_share=0.2), top_n=20), Night(source="/other")]
    remembered = with_options(NIGHTLY, {"source": "/mine"}, nights)
    assert remembered["parameters"] == {"source": "/mine", "limits": {"max_bad_share": 0.2}, "top_n": 20}
    assert with_options(NIGHTLY, {"dataset": "ml-1m"}, nights)["parameters"] == {"dataset": "ml-1m"}


def test_serve_remembers_what_it_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.at(tmp_path / "home")
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert options.remember(home, source=None, cron=None) == []
    assert options.remember(home, source=" mine ", cron="0 4 * * *") == ["source", "cron"]
    assert options.remembered(home) == {"source": str(tmp_path / "mine"), "cron": "0 4 * * *"}
    assert options.remember(home, source="mine", timezone="Europe/Berlin") == ["timezone"]
    assert options.remember(home, dataset="ml-1m") == ["source", "dataset"]
    assert options.remember(home, cron="", tune_cron="off") == ["cron", "tune_cron"]
    assert options.remember(home, tune_cron="") == ["tune_cron"]
    assert options.remembered(home) == {"dataset": "ml-1m", "timezone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"source": "/nowhere/at/all"}, "There is nothing at --source /nowhere/at/all; check the path."),
        ({"dataset": "ml-2m"}, "There is no dataset 'ml-2m'"),
        ({"timezone": "Berlin"}, "There is no timezone 'Berlin'"),
        ({"timezone": "../etc"}, "There is no timezone"),
        ({"cron": "half past three"}, "is no cron line; half past three every night"),
        ({"tune_cron": "weekly"}, "'weekly' is no cron line; half past four on Sundays"),
    ],
)
def test_what_cannot_be_is_said_at_once(bad: dict[str, str], sentence: str, tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    with pytest.raises(BadInput, match=sentence):
        options.remember(home, **bad)
    assert options.remembered(home) == {}


def test_parameters_by_an_earlier_releases_names_stay_by_todays() -> None:
    found = on_server(parameters={"top_n": 12, "carry": {"growth": 0.05}})
    assert merged(NIGHTLY, NIGHTLY, found)["parameters"] == {
        "top_n": 12,
        "reuse": {"max_changed_share": 0.05},
    }
