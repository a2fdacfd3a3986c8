"""Real SIGKILLs in the middle of every stage: readers keep their tables, the next run needs no hand."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from served import Served, processes_of, serving, until

from recengine import reading
from recengine.config import Home
from recengine.versions import current_version, versions

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

# Each halts in the middle of its stage: rows written and not committed, weights without a manifest, a file
# built and not shown.
MOMENTS = {
    "ingest": "recengine.ingest:_build_core",
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
        assert served.ended(served.start_run("nightly", source=str(demo)))["state_name"] == "Published"
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


@pytest.mark.parametrize("part", ["worker start", "server start"])
@pytest.mark.parametrize("moment", ["ingest", "publish, built"])
def test_the_worker_or_the_server_is_killed(halting: Served, demo: Path, moment: str, part: str) -> None:
    """The flow's process goes on: what it did counts, and nothing is run twice at the same time."""
    run = _halt_at(halting, demo, moment)
    killed = halting.pid_of(part)
    os.kill(killed, signal.SIGKILL)
    until(
        lambda: any(part in c for p, c in processes_of(halting.home).items() if p != killed),
        60,
        f"a new {part}",
    )
    until(lambda: _answers(halting), 60, "the server's answer")
    Path(f"{_file(halting.home)}.release").touch()
    ended = halting.ended(run, 180)
    assert ended["state_type"] in ("COMPLETED", "CRASHED"), ended["state"]
    until(
        lambda: not [c for c in processes_of(halting.home).values() if "prefect.engine" in c], 60, "its end"
    )
    _all_is_well(halting, demo)


def _halt_at(served: Served, demo: Path, moment: str) -> str:
    """Start a run on changed data and wait until it halts."""
    for suffix in (".reached", ".release"):
        Path(f"{_file(served.home)}{suffix}").unlink(missing_ok=True)
    _file(served.home).write_text(MOMENTS[moment])
    run = served.start_run("nightly", source=str(demo), force=True, limits={"earliest_year": next(_years)})
    until(lambda: Path(f"{_file(served.home)}.reached").exists(), 120, f"the halt in {moment}")
    return run


def _all_is_well(served: Served, demo: Path) -> None:
    home = Home(served.home)
    assert len(reading.top(home, 1)) == 10
    run = served.ended(
        served.start_run("nightly", source=str(demo), limits={"earliest_year": next(_years)}), 180
    )
    assert run["state_name"] == "Published", run["state"]
    assert current_version(home) == versions(home)[-1]
    left = [path.relative_to(home.root) for folder in (home.serving, home.models, home.snapshots, home.reports)
            for path in folder.iterdir() if path.name.startswith((".", "building"))
            or path.suffix == ".partial"]  # fmt: skip
    assert [str(path) for path in left if path.name != ".lock"] == []
    assert len(list(home.snapshots.iterdir())) == 1


def _file(home: Path) -> Path:
    return home.with_name(f"{home.name}.halt")


def _answers(served: Served) -> bool:
    import httpx

    try:
        return served.client.get("health").is_success
    except httpx.HTTPError:
        return False
