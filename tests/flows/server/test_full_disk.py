"""A full disk under a served home, Prefect's own database included: nothing is lost, nobody has to help."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from full_disks import fill, small_disk
from served import Served, serving, until

from flows.server.settings import START_WITHIN_SECONDS
from recengine.config import Home
from recengine.serving import queries as reading
from recengine.serving.versions import current_version, versions

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
LONG_ENOUGH_SECONDS = 60
_years = count(1971)


@pytest.fixture(scope="module")
def cramped(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> Iterator[Served]:
    """A served home on a small disk, with something published."""
    with small_disk(tmp_path_factory.mktemp("disk"), megabytes=120) as disk, serving(disk / "home") as served:
        first = served.ended(served.start_run("nightly", **_asked(demo)))
        assert first["state_name"] == "Published", first["state"]
        yield served


@pytest.mark.parametrize("free_kb", [0, 300, 600, 1000])
def test_a_run_meets_a_full_disk(cramped: Served, demo: Path, free_kb: int) -> None:
    """It fails with a sentence; where Prefect's database had no room either, its end is known only later."""
    home = Home(cramped.home)
    before = current_version(home)
    with fill(cramped.home.parent, free_kb):
        run = cramped.start_run("nightly", **_asked(demo))
        for _ in range(LONG_ENOUGH_SECONDS):
            time.sleep(1)
            if cramped.run(run)["state_type"] == "FAILED":
                break
        assert current_version(home) == before
        assert len(reading.top(home, 1)) == 10
        until(lambda: "is nearly full" in cramped.said(), 10, "the warning")
    state = cramped.ended(run, START_WITHIN_SECONDS + 90)["state"]
    assert state["name"] in ("Failed", "Crashed", "Published"), state
    if state["name"] == "Failed":
        assert f"The disk of {cramped.home} is full" in state["message"]
        assert "the published tables stay. Free some space" in state["message"]
    until(lambda: cramped.slots_in_use() == 0, 60, "the end of every slot")
    run = cramped.ended(cramped.schedule_run("nightly", **_asked(demo)))
    assert run["state_name"] == "Published", run["state"]
    assert current_version(home) == versions(home)[-1] != before
    assert not list(home.serving.glob("building-*"))


def _asked(demo: Path) -> dict[str, Any]:
    return {"source": str(demo), "model": "popularity", "limits": {"earliest_year": next(_years)}}
