"""Runs whose process vanishes: marked as crashed, told of, their slot given back; the next night works."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from inboxes import Inbox, inbox
from served import Served, serving, until

from flows.server.settings import START_WITHIN_SECONDS
from recengine.config import Home
from recengine.serving.versions import current_version
from recengine.warehouse.run_lock import locked

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


@pytest.fixture(scope="module")
def hook() -> Iterator[Inbox]:
    """Where messages go."""
    with inbox() as found:
        yield found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, demo: Path, hook: Inbox) -> Iterator[Served]:
    """A served home with something published and a webhook."""
    home = tmp_path_factory.mktemp("vanished") / "home"
    with serving(home, RECENGINE_WEBHOOK_URL=hook.url) as served:
        run = served.ended(served.start_run("nightly", source=str(demo), model="popularity"))
        assert run["state_name"] == "Published", run["state"]
        yield served


def test_the_worker_tells_of_a_killed_flow(told: Served, demo: Path, hook: Inbox) -> None:
    with locked(Home(told.home), "the test"):  # the run waits for us until it is killed
        run = _started(told, demo)
        os.kill(told.pid_of("prefect.engine"), signal.SIGKILL)
        assert told.ended(run, 30)["state_type"] == "CRASHED"
    _one_message(told, hook, run, "crashed: Process exited with status code: -9")


def test_the_server_tells_of_a_flow_that_was_killed_with_its_worker(
    told: Served, demo: Path, hook: Inbox
) -> None:
    before = current_version(Home(told.home))
    with locked(Home(told.home), "the test"):
        run = _started(told, demo)
        os.kill(told.pid_of("worker start"), signal.SIGKILL)
        os.kill(told.pid_of("prefect.engine"), signal.SIGKILL)
        ended = told.ended(run, 240)
    assert ended["state_type"] == "CRASHED"
    assert str(ended["state"]["message"]).startswith("No sign of life for 90 s: the process is gone.")
    assert current_version(Home(told.home)) == before
    _one_message(told, hook, run, "crashed: No sign of life for 90 s: the process is gone.")
    until(lambda: told.slots_in_use() == 0, 30, "the end of every slot")
    asked: dict[str, Any] = {"source": str(demo), "model": "popularity", "top_n": 8}
    next_night = told.ended(told.schedule_run("nightly", **asked))
    assert next_night["state_name"] == "Published", next_night["state"]


def test_a_run_that_never_started_is_ended_too(told: Served, hook: Inbox) -> None:
    """As when the disk was full while its process began: handed over, and nobody heard of it again."""
    found = told.get("deployments/name/ingest/ingest")
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": later}}
    run = told.post(f"deployments/{found['id']}/create_flow_run", parameters={}, state=state)["id"]
    told.post(f"flow_runs/{run}/set_state", state={"type": "PENDING"}, force=True)
    assert told.run(run)["state_type"] == "PENDING"
    ended = told.ended(run, START_WITHIN_SECONDS + 90)
    assert str(ended["state"]["message"]).startswith("No sign of life within 300 s of being handed")
    until(lambda: hook.messages, 60, "a message")
    assert "crashed: No sign of life within 300 s" in hook.messages.pop()["text"]
    until(lambda: told.slots_in_use() == 0, 60, "the end of every slot")


def _started(told: Served, demo: Path) -> str:
    run = told.start_run("nightly", source=str(demo), force=True)
    until(lambda: "waits for the test" in told.logs(run), 60, "the run's waiting")
    return run


def _one_message(told: Served, hook: Inbox, run: str, part: str) -> None:
    name = told.run(run)["name"]
    until(lambda: hook.messages, 60, "a message")
    [message] = hook.messages
    hook.messages.clear()
    assert f"recengine: the run {name} {part}" in message["text"]
    assert run in message["text"]
