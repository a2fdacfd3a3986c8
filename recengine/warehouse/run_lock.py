"""The run lock: a run has the home from its first task to its last, so that two runs never mix their tables.

DuckDB's own lock covers one connection; between two tasks of a night another run could slip in and change the
data that the next task reads. This one is the operating system's: it ends with its process, even one killed.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from recengine.config import Home
from recengine.errors import WarehouseBusy
from recengine.runtime.space import space_errors

log = logging.getLogger(__name__)

SAY_SECONDS = 60.0
LOOK_SECONDS = 0.5


@contextmanager
def locked(home: Home, who: str, *, wait_seconds: float = math.inf) -> Iterator[None]:
    """Hold the home for one run; wait for the one that has it.

    Parameters
    ----------
    home : Home
        Whose warehouse, models and publications.
    who : str
        The run's name, for those who wait.
    wait_seconds : float
        How long to wait; as long as it takes unless given, because the lock ends with the process that has it. Every
        minute the log says for whom. Ctrl-C ends the waiting.

    Raises
    ------
    WarehouseBusy
        Another run had it the whole time; the sentence names it.
    DiskFull
        What was done meanwhile found no space.
    """
    # Named as earlier releases, which may be running still, name them.
    lock, holder = FileLock(home.root / ".turn.lock"), home.root / ".turn"
    _wait(lock, holder, home, who, wait_seconds)
    try:
        with space_errors(home.root):
            holder.write_text(f"{who} (process {os.getpid()})")
            yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _wait(lock: FileLock, holder: Path, home: Home, who: str, wait_seconds: float) -> None:
    began, patience = time.monotonic(), 0.0
    while True:
        try:
            lock.acquire(timeout=patience, poll_interval=LOOK_SECONDS)
            return
        except Timeout:
            waited = time.monotonic() - began
            if waited >= wait_seconds:
                raise WarehouseBusy(home.warehouse, _read(holder), wait_seconds) from None
        log.info("%s waits for %s, which has the warehouse (%.0f s so far)", who, _read(holder), waited)
        patience = min(SAY_SECONDS, wait_seconds - waited)


def _read(holder: os.PathLike[str]) -> str:
    try:
        with open(holder, encoding="utf-8", errors="replace") as file:
            return file.read() or "another run"
    except FileNotFoundError:
        return "another run"
