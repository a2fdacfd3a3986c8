"""A Ray cluster whose workers, nodes and driver are killed while it fits and scores: the same bits as here."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import engine_homes
import pytest

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.engine.cluster import Ray
from recengine.engine.local import Local
from recengine.knobs.stages import ScoreConfig
from recengine.models import make
from recengine.models.spread import OverShards, Spread
from recengine.scoring.parts import OnEngine
from recengine.shards import files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'recengine[ray]'"
    ),
]

CONFIG = ScoreConfig(top_n=5, genre_n=2)
SOON = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 3,
}
# 127.0.0.1 as IPv4, within IPv6, and ::1
LOOPBACKS = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def faulty(asked: tuple[Callable[[Any], Any], Any, Path, dict[int, str]]) -> Any:
    """Work that leaves a mark for each try; what a shard meets at its first try is told by its number."""
    work, task, marks, faults = asked
    mark = marks / f"{task.shard:02d}"
    with mark.open("a") as tries:
        tries.write(f"{node()} {os.getpid()}\n")
    if len(mark.read_text().splitlines()) == 1 and task.shard in faults:
        if faults[task.shard] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if faults[task.shard] == "full":
            raise OSError(28, "No space left on device")
        time.sleep(120)  # until its node or driver is lost
    return work(task)


def node() -> str:
    ray = importlib.import_module("ray")
    return str(ray.get_runtime_context().get_node_id()) if ray.is_initialized() else "here"


@dataclass
class Faulty:
    """An engine with faults."""

    engine: Any
    marks: Path
    faults: dict[int, str]

    def map(self, work: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
        self.marks.mkdir(exist_ok=True)
        found: list[Any] = self.engine.map(faulty, [(work, task, self.marks, self.faults) for task in tasks])
        return found

    def tries(self) -> list[int]:
        return [len(mark.read_text().splitlines()) for mark in sorted(self.marks.iterdir())]


class Nodes:
    """A head without CPUs, and two nodes of one."""

    def __init__(self) -> None:
        utils = importlib.import_module("ray.cluster_utils")
        here = {"include_dashboard": False, "node_ip_address": "127.0.0.1"}
        head = here | {"num_cpus": 0, "_system_config": SOON}
        self.cluster = utils.Cluster(initialize_head=True, head_node_args=head)
        self.nodes = [self.cluster.add_node(num_cpus=1, **here) for _ in range(2)]
        self.engine = Ray(self.cluster.address, _node_ip_address="127.0.0.1")

    def lose_the_node_of(self, mark: Path) -> Thread:
        """Kill the node that works on a shard, once it does."""

        def lose() -> None:
            while not mark.exists() or not mark.read_text():
                time.sleep(0.1)
            its = mark.read_text().split()[0]
            self.cluster.remove_node(
                next(node for node in self.nodes if node.node_id == its), allow_graceful=False
            )

        thread = Thread(target=lose)
        thread.start()
        return thread

    def close(self) -> None:
        self.engine.close()
        self.cluster.shutdown()


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    before = listening()
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    made = Nodes()
    outside = {address for address in listening() - before if address not in LOOPBACKS}
    try:
        yield made
    finally:
        family = under(os.getpid())
        made.close()
    assert outside == set()
    assert ended(family) == []


def listening() -> set[str]:
    """Addresses that processes of this machine listen on, as the kernel writes them; without their ports."""
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {row[1].rpartition(":")[0] for row in rows if row[3] == "0A"}


def under(parent: int) -> dict[int, str]:
    """Processes under one, and their command lines; those that have ended are not."""
    parents, found = {}, {}
    for entry in Path("/proc").iterdir():
        try:
            state, above = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, ValueError):
            continue
        if entry.name.isdecimal() and state != "Z":
            parents[int(entry.name)], found[int(entry.name)] = int(above), line
    inside: set[int] = set()
    while more := {one for one, above in parents.items() if above in inside | {parent}} - inside:
        inside |= more
    return {one: found[one] for one in inside}


def ended(processes: dict[int, str], seconds: float = 30) -> list[str]:
    """Command lines of those that do not end in time."""
    until = time.monotonic() + seconds
    while True:
        alive = [line for one, line in processes.items() if line and _line_of(one) == line]
        if not alive or time.monotonic() > until:
            return alive
        time.sleep(0.5)


def _line_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@pytest.fixture
def folder(home: Home) -> Path:
    """The home's snapshot, of nine shards."""
    [folder] = home.snapshots.iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"shard_ratings": 120}))
    return folder


def hashes(folders: Sequence[Path]) -> dict[str, str]:
    return {
        f"{part.name}/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest()
        for part in folders
        for file in sorted(part.glob("*.parquet"))
    }


def fitted(folder: Path, engine: Any = None) -> dict[str, bytes]:
    model = make("ease")
    assert isinstance(model, OverShards)
    model.spread = engine and Spread(engine, folder)
    return {
        name: t.contiguous().numpy().tobytes() for name, t in model.fit(Snapshot.load(folder)).state().items()
    }


def made_here(home: Home, folder: Path, model_id: str) -> dict[str, str]:
    made = OnEngine(Local())(home, folder, model_id, CONFIG, ())
    found = hashes(made.folders)
    made.put_away()
    return found


def test_a_worker_and_a_node_are_lost(nodes: Nodes, home: Home, folder: Path, tmp_path: Path) -> None:
    model_id = engine_homes.trained(home, folder, "ease")
    here, weights = made_here(home, folder, model_id), fitted(folder)
    fitting = Faulty(nodes.engine, tmp_path / "fitting", {1: "kill", 2: "full"})
    assert fitted(folder, fitting) == weights
    scoring = Faulty(nodes.engine, tmp_path / "scoring", {1: "kill", 5: "wait"})
    lost = nodes.lose_the_node_of(scoring.marks / "05")
    made = OnEngine(scoring)(home, folder, model_id, CONFIG, ())
    lost.join()
    assert hashes(made.folders) == here
    assert len(here) == 9 * 3
    assert scoring.tries() == [1, 2, 1, 1, 1, 2, 1, 1, 1]  # nine shards and the two that were killed
    assert fitting.tries() == [2, 3, 3, 2, 2, 2, 2, 2, 2]  # two sums, of which the first met the faults


def test_the_driver_is_lost_and_what_is_done_stays(home: Home, folder: Path, tmp_path: Path) -> None:
    model_id = engine_homes.trained(home, folder, "ease")
    here = made_here(home, folder, model_id)
    marks = tmp_path / "marks"
    script = f"""
        from pathlib import Path
        from recengine.config import Home
        from recengine.engine.cluster import Ray
        from recengine.scoring.parts import OnEngine
        from test_ray_faults import CONFIG, Faulty
        engine = Faulty(Ray(num_cpus=1), Path({str(marks)!r}), {{6: "wait"}})
        OnEngine(engine)(Home(Path({str(home.root)!r})), Path({str(folder)!r}), {model_id!r}, CONFIG, ())
    """
    paths = [*filter(None, sys.path), str(Path(__file__).parent)]
    driver = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 90
        while not (marks / "06").exists() and driver.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        family = under(driver.pid)
        driver.kill()
        driver.wait()
    assert ended(family, 120) == []  # Ray's own agents look once a minute whether they are alone
    [room] = (folder / files.WORK).iterdir()
    assert [part.name for part in sorted(room.iterdir()) if not part.name.startswith(".")] == [
        f"{shard:05d}" for shard in range(6)
    ]
    made = OnEngine(Local())(home, folder, model_id, CONFIG, ())
    assert hashes(made.folders) == here
    made.put_away()
