"""Who is told how far a task is: the bars of a command line in whose process the flow runs, else nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from recengine.models.base import OnProgress, silent

_listener: OnProgress = silent


@contextmanager
def heard_by(on_progress: OnProgress) -> Iterator[None]:
    """While the block runs, what this process's tasks do is told to one who looks on.

    Tasks run in threads of Prefect's, which inherit no context: it holds for the whole process.
    """
    global _listener
    before, _listener = _listener, on_progress
    try:
        yield
    finally:
        _listener = before


@contextmanager
def stage(name: str) -> Iterator[OnProgress]:
    """A stage of unknown length while the block runs; yields the callback for its parts, which bear its name."""
    _listener(name, 0, 0)
    try:
        yield lambda what, done, total: _listener(f"{name}: {what}", done, total)
    finally:
        _listener(name, 1, 1)
