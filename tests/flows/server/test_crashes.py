"""Real SIGKILLs in the middle of every stage: readers keep their tables, the next run needs no hand."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import Served, processes_of, serving, until

from recengine.config import Home
from recengine.serving import queries as reading
from recengine.serving.versions import current_version, versions
from recengine.warehouse.run_lock import locked

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

# Each halts in the middle of its stage: rows written and not committed, weights without a manifest, a file
# built and not shown.
MOMENTS = {
    "ingest": "recengine.movielens.core_tables:build",
    "features": "recengine.features:write",
    "train": "recengine.models.store:save_file",
    "score": "recengine.score:_replace",
    "publish, built": "recengine.publish:audit",
    "publish, shown": "recengine.publish:point_to",
}
_years = count(1971)


@pytest.fixture(scope="module")
def halting(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> Iterator[Served]:
    """A served home with something published, whose flows halt where ``<home>.halt`` says."""
    home = tmp_path_factory.mktemp("crashes") / "home"
    path = f"{Path(__file__).with_name('halting')}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with serving(home, RECENGINE_HALT_FILE=str(_file(home)), PYTHONPATH=path) as served:
        first = served.ended(served.start_run("nightly", source=str(demo), **_changed()))
        assert first["state_name"] == "Published", first["state"]
        yield served


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_flow_is_killed(halting: Served, demo: Path, moment: str) -> None:
    before = current_version(Home(halting.home))
    run = _halt_at(halting, demo, moment)
    os.kill(halting.pid_of("prefect.engine"), signal.SIGKILL)
    ended = halting.ended(run, 30)
    assert ended["state_type"] == "CRASHED", ended["state"]
    if moment != "publish, shown":
        assert current_version(Home(halting.home)) == before
    _all_is_well(halting, demo)


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_worker_is_killed(halting: Served, demo: Path, moment: str) -> None:
    """The flow goes on until its next log line, whose pipe is broken; then it ends as crashed, and says so."""
    run = _halt_at(halting, demo, moment)
    _kill(halting, "worker start")
    _release(halting)
    ended = halting.ended(run, 180)
    assert ended["state_name"] in ("Published", "Crashed"), ended["state"]
    _all_is_well(halting, demo)


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_server_is_killed(halting: Served, demo: Path, moment: str) -> None:
    """The flow's process goes on without a server; whether it can report its end is a matter of luck."""
    before = current_version(Home(halting.home))
    run = _halt_at(halting, demo, moment)
    os.kill(halting.pid_of("flows.server.process"), signal.SIGKILL)
    _release(halting)
    until(lambda: _answers(halting), 60, "the server's answer")
    ended = halting.ended(run, 180)
    assert ended["state_type"] in ("COMPLETED", "CRASHED", "FAILED"), ended["state"]
    if ended["state_name"] == "Published":
        assert current_version(Home(halting.home)) != before
    _all_is_well(halting, demo)


def _halt_at(served: Served, demo: Path, moment: str) -> str:
    """Start a run on changed data and wait until it halts."""
    for suffix in (".reached", ".release"):
        Path(f"{_file(served.home)}{suffix}").unlink(missing_ok=True)
    _file(served.home).write_text(MOMENTS[moment])
    run = served.start_run("nightly", source=str(demo), force=True, **_changed())
    until(lambda: Path(f"{_file(served.home)}.reached").exists(), 120, f"the halt in {moment}")
    return run


def _changed() -> dict[str, Any]:
    """Parameters that no run had before; the quickest model."""
    return {"model": "popularity", "limits": {"earliest_year": next(_years)}}


def _kill(served: Served, part: str) -> None:
    """SIGKILL, and wait for the successor."""
    killed = served.pid_of(part)
    os.kill(killed, signal.SIGKILL)
    until(
        lambda: any(part in c for p, c in processes_of(served.home).items() if p != killed),
        60,
        f"a new {part}",
    )


def _release(served: Served) -> None:
    Path(f"{_file(served.home)}.release").touch()


def _all_is_well(served: Served, demo: Path) -> None:
    """Readers have tables, nobody holds anything, the schedule's next run works, nothing is half written."""
    home = Home(served.home)
    assert len(reading.top(home, 1)) == 10
    engines = "the end of the flow's process"
    until(lambda: not [c for c in processes_of(served.home).values() if "prefect.engine" in c], 60, engines)
    with locked(home, "the test", wait_seconds=0):
        until(lambda: served.slots_in_use() == 0, 30, "the end of every slot")
    before = current_version(home)
    run = served.ended(served.schedule_run("nightly", source=str(demo), **_changed()), 180)
    assert run["state_name"] == "Published", run["state"]
    assert current_version(home) == versions(home)[-1] != before
    left = [path.relative_to(home.root) for folder in (home.serving, home.models, home.snapshots, home.reports)
            for path in folder.iterdir() if path.name.startswith((".", "building"))
            or path.suffix == ".partial"]  # fmt: skip
    assert [str(path) for path in left if path.name != ".lock"] == []
    assert len(list(home.snapshots.iterdir())) == 1


def _file(home: Path) -> Path:
    return home.with_name(f"{home.name}.halt")


def _answers(served: Served) -> bool:
    try:
        return served.client.get("health").is_success
    except httpx.HTTPError:
        return False
