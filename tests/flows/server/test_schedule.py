"""Nights that were missed, and runs that meet: one at a time, one for ten, and who waits says for whom."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from served import COMMAND, ROOT, Served, processes_of, serving, until

from recengine.config import Home
from recengine.warehouse.run_lock import locked

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

MISSED, EVERY_SECONDS = 10, 2


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> Iterator[Served]:
    """A served home with something published."""
    with serving(tmp_path_factory.mktemp("calm") / "home") as served:
        run = served.ended(served.start_run("nightly", source=str(demo), model="popularity"))
        assert run["state_name"] == "Published", run["state"]
        yield served


def test_nights_missed_while_the_box_was_down_run_once(tmp_path: Path, demo: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as served:
        found = served.get("deployments/name/nightly/nightly")
        first = datetime.now(UTC) + timedelta(seconds=10)
        last = first + timedelta(seconds=MISSED * EVERY_SECONDS)
        rule = f"DTSTART:{first:%Y%m%dT%H%M%SZ}\nRRULE:FREQ=SECONDLY;INTERVAL={EVERY_SECONDS};COUNT={MISSED}"
        asked = {"source": str(demo), "model": "popularity"}
        served.add_schedule(found["id"], {"rrule": rule, "timezone": "UTC"}, asked)
        window = {"start_time": (first - timedelta(seconds=5)).isoformat(), "end_time": last.isoformat()}
        served.post(f"deployments/{found['id']}/schedule", **window)
        runs = [run["id"] for run in _scheduled(served) if run["parameters"].get("model") == "popularity"]
        assert len(runs) == MISSED
        assert datetime.now(UTC) < first, "the box was too slow for this test"
        served.stop(signal.SIGKILL)
        until(lambda: not processes_of(home), 60, "the end of every process")
    time.sleep(max((last - datetime.now(UTC)).total_seconds(), 0))
    with serving(home, served.port) as served:
        ended = [served.ended(run, 120) for run in runs]
        [night] = [run for run in ended if run["state_name"] == "Published"]
        missed = [run["state"] for run in ended if run is not night]
        assert {(state["name"], state["message"]) for state in missed} == {
            ("Cancelled", f"Missed; the run {night['name']} catches up for it.")
        }


def test_a_run_by_hand_waits_for_the_night_and_says_so(calm: Served, demo: Path) -> None:
    command = [*COMMAND, "features", "--home", str(calm.home)]
    with locked(Home(calm.home), "the nightly run calm-owl"):
        run = calm.start_run("ingest", source=str(demo))
        until(lambda: "waits for the nightly run calm-owl" in calm.logs(run), 60, "the run's waiting")
        features = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"COLUMNS": "300"}, stderr=subprocess.PIPE, text=True
        )
        assert features.stderr is not None
        assert "recengine features waits for the nightly run calm-owl" in features.stderr.readline()
        assert features.poll() is None
        assert calm.run(run)["state_type"] == "RUNNING"
    _, rest = features.communicate(timeout=60)
    assert features.returncode == 0, rest
    assert calm.ended(run)["state_type"] == "COMPLETED"


def test_two_nights_never_overlap_and_the_second_waits(calm: Served, demo: Path) -> None:
    asked: dict[str, Any] = {"source": str(demo), "model": "popularity"}
    with locked(Home(calm.home), "the test"):
        first = calm.start_run("nightly", **asked)
        until(lambda: calm.run(first)["state_type"] == "RUNNING", 60, "the first run's start")
        second = calm.start_run("nightly", **asked)
        until(lambda: calm.run(second)["state_name"] == "AwaitingConcurrencySlot", 60, "the second's wait")
    assert calm.ended(first)["state_name"] == "Unchanged"
    later = calm.ended(second)
    assert (later["state_name"], later["start_time"] > calm.run(first)["end_time"]) == ("Unchanged", True)


def test_a_run_by_hand_is_not_taken_for_a_missed_night(calm: Served, demo: Path) -> None:
    """Only points of the same schedule stand for each other: what a person asked for is always done."""
    asked: dict[str, Any] = {"source": str(demo), "model": "popularity"}
    with locked(Home(calm.home), "the test"):
        scheduled = calm.schedule_run("nightly", **asked)
        by_hand = calm.start_run("nightly", **asked | {"top_n": 3})
        until(lambda: calm.run(by_hand)["state_name"] == "AwaitingConcurrencySlot", 60, "the second's wait")
    assert calm.ended(scheduled)["state_name"] == "Unchanged"
    assert calm.ended(by_hand)["state_name"] == "Published"


def _scheduled(served: Served) -> list[dict[str, Any]]:
    found = served.post("flow_runs/filter", deployments={"name": {"any_": ["nightly"]}})
    return [run for run in found if run["auto_scheduled"]]
