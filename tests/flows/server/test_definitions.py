"""deployments/prefect.yaml without a server: every entrypoint is a flow and takes its parameters."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule

import flows
from flows.server.automations import LAST_STATES
from flows.server.settings import DEFAULTS, POOL, ROOT
from flows.server.setup import YAML

WRITTEN: dict[str, Any] = yaml.safe_load(YAML.read_text())
DEPLOYMENTS: list[dict[str, Any]] = WRITTEN["deployments"]


def flow_of(entry: dict[str, Any]) -> Flow[Any, Any]:
    """The flow that a deployment's entrypoint names."""
    module, name = entry["entrypoint"].rsplit(".", 1)
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, Flow)
    return found


@pytest.mark.parametrize("entry", DEPLOYMENTS, ids=lambda entry: entry["name"])
def test_a_deployment_resolves_and_validates(entry: dict[str, Any]) -> None:
    flow = flow_of(entry)
    assert flow.name == entry["name"]
    assert flow.validate_parameters(entry["parameters"]).items() >= entry["parameters"].items()
    assert len(entry["description"]) > 20
    assert "recengine" in entry["tags"]
    assert entry["work_pool"]["name"] == POOL
    limit = entry["concurrency_limit"]
    assert (limit["limit"], limit["collision_strategy"]) == (1, "ENQUEUE")
    assert 60 <= limit["grace_period_seconds"] <= 86_400


def test_every_flow_is_deployed() -> None:
    modules = [path.stem for path in Path(flows.__path__[0]).glob("*.py")]
    defined = set()
    for name in modules:
        module = importlib.import_module(f"flows.{name}" if name != "__init__" else "flows")
        defined |= {f"{module.__name__}.{found.__name__}" for found in vars(module).values()
                    if isinstance(found, Flow) and found.fn.__module__ == module.__name__}  # fmt: skip
    assert {entry["entrypoint"] for entry in DEPLOYMENTS} == defined


def test_schedules_have_a_slug_a_timezone_and_a_safe_hour() -> None:
    schedules = [schedule for entry in DEPLOYMENTS for schedule in entry.get("schedules", [])]
    assert [schedule["slug"] for schedule in schedules] == ["every-night", "every-week"]
    for schedule in schedules:
        cron = CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
        hour = int(cron.cron.split()[1])
        assert hour != 2, "clocks skip or repeat this hour"
        assert "active" not in schedule, "a schedule paused in the UI would be resumed by the next set-up"


def test_runs_start_where_the_environment_says() -> None:
    assert WRITTEN["pull"] == [
        {"prefect.deployments.steps.set_working_directory": {"directory": "{{ $RECENGINE_ROOT }}"}}
    ]
    assert (ROOT / "flows" / "nightly.py").exists()


def test_the_zombie_automation_knows_every_name_under_which_a_run_ends() -> None:
    source = (ROOT / "flows" / "nightly.py").read_text()
    assert set(re.findall(r'Completed\(name="(\w+)"', source)) == {"Published", "Kept", "Unchanged"}
    source = (ROOT / "flows" / "tune.py").read_text()
    assert set(re.findall(r'"(\w+)" if found.knobs else "(\w+)"', source)) == {("Tuned", "Unchanged")}
    assert set(LAST_STATES) >= {
        "Published",
        "Kept",
        "Unchanged",
        "Tuned",
        "Completed",
        "Failed",
        "Crashed",
        "Cancelled",
    }


def test_nothing_calls_home() -> None:
    assert DEFAULTS["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert DEFAULTS["DO_NOT_TRACK"] == "1"
    assert DEFAULTS["PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT"] == "false"
