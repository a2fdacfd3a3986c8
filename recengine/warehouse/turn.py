"""Turns: a run has the warehouse from its first task to its last, so that two runs never mix their tables.

DuckDB's own lock covers one connection; between two tasks of a night another run could slip in and change the
data that the next task reads. This one is the operating system's: it ends with its process, even one killed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from recengine.config import Home
from recengine.errors import WarehouseBusy
from recengine.space import full_disk_told

log = logging.getLogger(__name__)

WAIT_SECONDS = 600.0
LOOK_SECONDS = 0.5


@contextmanager
def turn(home: Home, who: str, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the home for one run; wait for the one that has it.

    Parameters
    ----------
    home : Home
        Whose warehouse, models and publications.
    who : str
        The run's name, for those who wait.
    wait_seconds : float
        How long to wait.

    Raises
    ------
    WarehouseBusy
        Another run had it the whole time; the sentence names it.
    DiskFull
        What was done meanwhile found no space.
    """
    lock, holder = FileLock(home.root / ".turn.lock"), home.root / ".turn"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("%s waits for %s, which has the warehouse", who, _read(holder))
        try:
            lock.acquire(timeout=wait_seconds, poll_interval=LOOK_SECONDS)
        except Timeout:
            raise WarehouseBusy(home.warehouse, _read(holder), wait_seconds) from None
    try:
        with full_disk_told(home):
            holder.write_text(f"{who} (process {os.getpid()})")
            yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _read(holder: os.PathLike[str]) -> str:
    try:
        with open(holder, encoding="utf-8") as file:
            return file.read() or "another run"
    except FileNotFoundError:
        return "another run"
