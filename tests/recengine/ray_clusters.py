"""Ray clusters of this machine whose workers, nodes and drivers are really killed, for tests."""

from __future__ import annotations

import hashlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.engine.cluster import Ray
from recengine.engine.local import Local
from recengine.knobs.stages import ScoreConfig
from recengine.models import make
from recengine.models.parts.minibatches import Group
from recengine.models.spread import OverShards, Spread
from recengine.runtime import durable
from recengine.scoring.parts import OnEngine

CONFIG = ScoreConfig(top_n=5, genre_n=2)
SLOW = 15  # seconds of a straggler
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
        time.sleep(SLOW if faults[task.shard] == "slow" else 120)  # until its node or driver is lost
    return work(task)


def lost_once(task: tuple[Callable[[Any, str], None], Any, Path], device: str) -> None:
    """A rank's work; the last rank is lost as by kill -9 when it is tried first, after the others have begun."""
    work, told, mark = task
    group = Group.of_this_process()
    if group.rank == group.ranks - 1:
        with mark.open("a") as tries:
            tries.write("x")
        if mark.read_text() == "x":
            time.sleep(1)
            os.kill(os.getpid(), signal.SIGKILL)
    work(told, device)


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

    def together(self, work: Callable[[Any, str], None], task: Any, room: Path) -> None:
        self.marks.mkdir(exist_ok=True)
        self.engine.together(lost_once, (work, task, self.marks / f"{len(list(self.marks.iterdir()))}"), room)

    def tries(self) -> list[int]:
        return [len(mark.read_text().splitlines()) for mark in sorted(self.marks.iterdir())]


class Nodes:
    """A head without CPUs, and two nodes of one."""

    def __init__(self) -> None:
        utils = importlib.import_module("ray.cluster_utils")
        here = {"include_dashboard": False, "node_ip_address": "127.0.0.1"}
        self.client_port = free_port()
        head = here | {"num_cpus": 0, "_system_config": SOON, "ray_client_server_port": self.client_port}
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

    def lose_all(self) -> None:
        for node in self.nodes:
            self.cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self.engine.close()
        self.cluster.shutdown()


@contextmanager
def standing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    """A cluster for the block: nothing of it listens off the loopback, no process of it is left."""
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


def free_port() -> int:
    """One that nothing listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


@dataclass
class Kept:
    """An engine that looks which folders of a room are still those that were there, after its first map."""

    engine: Any
    room: Path
    before: dict[str, int] = field(default_factory=dict)
    kept: list[str] | None = None

    def __post_init__(self) -> None:
        self.before = self._made()

    def map(self, work: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
        found: list[Any] = self.engine.map(work, tasks)
        if self.kept is None:
            now = self._made()
            assert len(now) == len(tasks)
            self.kept = [name for name, when in self.before.items() if now.get(name) == when]
        return found

    def _made(self) -> dict[str, int]:
        sealed = sorted(self.room.glob(f"[!.]*/{durable.SUMS}"))
        return {file.parent.name: file.stat().st_mtime_ns for file in sealed}


@contextmanager
def driven(script: str) -> Iterator[subprocess.Popen[bytes]]:
    """A driver in a process of its own, which does not outlive the block; neither do its cluster's processes."""
    driver = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
    )
    try:
        yield driver
    finally:
        family = under(driver.pid)
        driver.kill()
        driver.wait()
    assert ended(family, 120) == []  # Ray's own agents look once a minute whether they are alone


def until(condition: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    """What a condition gives once it is true."""
    last = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < last, f"{what} did not happen in {seconds:.0f} s"
        time.sleep(0.1)
    return found


def noted(lost: str, during: str, tries: Sequence[int], began: float, end: str) -> None:
    """Append a row of the kill log to the file that RECENGINE_KILL_LOG names, where it names one."""
    if page := os.environ.get("RECENGINE_KILL_LOG"):
        seconds = f"{time.monotonic() - began:.0f}"
        with Path(page).open("a") as file:
            file.write(f"| {lost} | {during} | {' '.join(map(str, tries))} | {seconds} | {end} |\n")
