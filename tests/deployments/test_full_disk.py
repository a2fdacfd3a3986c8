"""A full disk under a served home, Prefect's own database included: nothing is lost, nobody has to help."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from full_disks import fill, small_disk
from served import Served, serving, until

from recengine import reading
from recengine.config import Home
from recengine.versions import current_version

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
_years = count(1971)


@pytest.fixture(scope="module")
def cramped(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> Iterator[Served]:
    """A served home on a small disk, with something published."""
    with small_disk(tmp_path_factory.mktemp("disk"), megabytes=120) as disk, serving(disk / "home") as served:
        assert night(served, demo)["state_name"] == "Published"
        yield served


def night(served: Served, demo: Path) -> dict[str, object]:
    """A run on changed data."""
    return served.ended(served.start_run("nightly", **_asked(demo)), 120)


@pytest.mark.parametrize("free_kb", [300, 600])
def test_a_run_meets_a_full_disk(cramped: Served, demo: Path, free_kb: int) -> None:
    before = current_version(Home(cramped.home))
    with fill(cramped.home.parent, free_kb):
        run = night(cramped, demo)
        assert run["state_name"] == "Failed"
        message = str(run["state"]["message"])  # type: ignore[index]
        assert f"The disk of {cramped.home} is full" in message
        assert "the published tables stay. Free some space" in message
        assert current_version(Home(cramped.home)) == before
        assert len(reading.top(Home(cramped.home), 1)) == 10
        until(lambda: "is nearly full" in cramped.said(), 10, "the warning")
    run = cramped.ended(cramped.schedule_run("nightly", **_asked(demo)), 120)
    assert run["state_name"] == "Published", run["state"]
    assert current_version(Home(cramped.home)) != before


def test_with_no_room_at_all_a_run_starts_late(cramped: Served, demo: Path) -> None:
    """Prefect's database cannot take the start of the run; nothing else breaks."""
    before = current_version(Home(cramped.home))
    with fill(cramped.home.parent, 0):
        run = cramped.start_run("nightly", **_asked(demo))
        until(lambda: cramped.run(run)["state_name"] == "Late", 60, "the run being late")
        assert current_version(Home(cramped.home)) == before
        assert len(reading.top(Home(cramped.home), 1)) == 10
    assert cramped.ended(run, 120)["state_name"] == "Published"


def _asked(demo: Path) -> dict[str, object]:
    return {"source": str(demo), "model": "popularity", "limits": {"earliest_year": next(_years)}}
