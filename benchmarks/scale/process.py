"""A command in a process of its own: wall clock, peak memory of its whole tree, its log lines with their times."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).parents[2]
SAMPLE_SECONDS = 0.2
PSS_EVERY = 10  # samples: the kernel walks every page for it, which would slow what is measured
PAGE = os.sysconf("SC_PAGE_SIZE")
CLI = "from flows.cli import main; main()"
# A stage's line: "12:00:01 publish: version 1, ... in 1.23 s".
_STAGE = re.compile(r"^(?:\d\d:\d\d:\d\d)?\s*(\w+): (.*) in (\d+\.\d+) s\s*$")


@dataclass(frozen=True)
class Stage:
    """One stage's own log line: its seconds, and when it ended, in seconds since the process started."""

    name: str
    text: str
    seconds: float
    ended: float


@dataclass
class Outcome:
    """What a process did and cost.

    ``peak_rss`` is the largest sum of resident memory over its process tree, shared pages counted once per
    process; ``peak_pss`` counts them once in all, sampled more seldom; ``largest`` is the largest single
    process by the kernel's own account; ``peak_worker`` the largest memory, mapped files left out, of a worker of
    Ray's. Bytes.
    """

    command: list[str]
    seconds: float = 0.0
    code: int = 0
    timed_out: bool = False
    peak_rss: int = 0
    peak_pss: int = 0
    largest: int = 0
    peak_worker: int = 0
    out: list[str] = field(default_factory=list)
    lines: list[tuple[float, str]] = field(default_factory=list)

    def check(self) -> Outcome:
        """Itself, if the process succeeded; else its last lines as an error."""
        if self.code:
            said = "\n".join(text for _, text in self.lines[-15:])
            raise RuntimeError(f"{' '.join(self.command)} ended with {self.code}:\n{said}")
        return self

    @property
    def stages(self) -> list[Stage]:
        """The stages that the process reported, in the order of their ends."""
        found = ((ended, _STAGE.match(text)) for ended, text in self.lines)
        return [Stage(m[1], m[2], float(m[3]), ended) for ended, m in found if m]

    @property
    def figures(self) -> dict[str, Any]:
        """What is kept of it as JSON; memory in GiB."""
        memory = {"rss": self.peak_rss, "pss": self.peak_pss, "largest_process": self.largest}
        return {"seconds": self.seconds} | {f"{name}_gib": size / 2**30 for name, size in memory.items()}

    @property
    def answer(self) -> dict[str, Any]:
        """The JSON object that the process printed as its last line."""
        answer: dict[str, Any] = json.loads(self.out[-1])
        return answer


def recengine(*arguments: str, home: Path, env: dict[str, str] | None = None, root: Path = ROOT) -> Outcome:
    """A command of ours, as ``recengine ...`` would run it with the code that lies in ``root``."""
    command = [sys.executable, "-c", CLI, *arguments, "--home", str(home)]
    if arguments[0] == "generate":
        command = command[:-2]
    return watch(command, env={"PYTHONPATH": str(root)} | (env or {}), root=root)


def module(
    name: str, *arguments: object, limit: float | None = None, env: dict[str, str] | None = None
) -> Outcome:
    """``python -m benchmarks.scale.<name>``."""
    command = [sys.executable, "-m", f"benchmarks.scale.{name}", *map(str, arguments)]
    return watch(command, limit=limit, env=env)


def watch(
    command: list[str],
    *,
    env: dict[str, str] | None = None,
    limit: float | None = None,
    root: Path = ROOT,
) -> Outcome:
    """Run a command to its end, or kill it after ``limit`` seconds, sampling the memory of its process tree."""
    outcome = Outcome(command)
    # Wide columns, so that a log line is one line; no home of another run.
    settings = {**os.environ, "COLUMNS": "1000", "PYTHONUNBUFFERED": "1", **(env or {})}
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=root, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    readers = [
        threading.Thread(target=_collect, args=(process.stdout, began, outcome.out, None)),
        threading.Thread(target=_collect, args=(process.stderr, began, None, outcome.lines)),
    ]
    for reader in readers:
        reader.start()
    ended = False
    for sample in range(sys.maxsize):
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            outcome.seconds, outcome.code = time.perf_counter() - began, process.returncode
            outcome.largest = usage.ru_maxrss * 1024
            break
        _sample(process.pid, outcome, with_pss=sample % PSS_EVERY == 0)
        if limit is not None and not ended and time.perf_counter() - began > limit:
            outcome.timed_out = ended = True
            for member in tree(process.pid):
                os.kill(member, signal.SIGKILL)
        time.sleep(SAMPLE_SECONDS)
    for reader in readers:
        reader.join()
    return outcome


def tree(pid: int) -> Iterable[int]:
    """A process and all of its descendants that live."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except (FileNotFoundError, ProcessLookupError):  # the thread has ended
            continue
        for child in found:
            yield from tree(int(child))


def _sample(pid: int, outcome: Outcome, *, with_pss: bool) -> None:
    rss = pss = 0
    for member in tree(pid):
        try:
            rss += int(Path(f"/proc/{member}/statm").read_text().split()[1]) * PAGE
            outcome.peak_worker = max(outcome.peak_worker, _own_of_a_worker(Path(f"/proc/{member}")))
            if with_pss:
                rollup = Path(f"/proc/{member}/smaps_rollup").read_text()
                pss += int(rollup.split("\nPss:")[1].split()[0]) * 1024
        except (FileNotFoundError, ProcessLookupError, IndexError):  # it has ended
            continue
    outcome.peak_rss, outcome.peak_pss = max(outcome.peak_rss, rss), max(outcome.peak_pss, pss)


def _own_of_a_worker(process: Path) -> int:
    """Memory of one of Ray's workers at work that is no mapped file, in bytes; 0 of other processes."""
    if not (process / "cmdline").read_bytes().startswith(b"ray::on_one_core"):
        return 0
    status = (process / "status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024


def _collect(
    stream: TextIO, began: float, plain: list[str] | None, stamped: list[tuple[float, str]] | None
) -> None:
    """Read a stream to its end, into lines or into lines with the seconds at which they came."""
    for line in stream:
        text = line.rstrip()
        if plain is not None and text:
            plain.append(text)
        if stamped is not None and text:
            stamped.append((time.perf_counter() - began, text))
