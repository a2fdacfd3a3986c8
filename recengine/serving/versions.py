"""The published versions on disk, the link that says which one readers see, and what that one says of itself."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from filelock import FileLock

from recengine.config import Home
from recengine.runtime import access
from recengine.runtime.durable import point
from recengine.warehouse.connection import published

# DuckDB 1.4, 1.5 and 2.0 clients all read it, and a stale WAL cannot be replayed into it.
STORAGE_VERSION = "v1.4.0"
STAMP = "%Y%m%d-%H%M%S-%f"  # of a version, in UTC, cut to milliseconds
SIDE_FILES = (".wal", ".wal.checkpoint", ".wal.recovery", ".tmp")

_VERSION = re.compile(r"serving-(\d{8}-\d{6}-\d{3})\.duckdb")


class Publication(NamedTuple):
    """What a published file says of itself."""

    version: str
    dataset: str
    input_fingerprint: str
    model_id: str
    model: str
    metrics: dict[str, Any]


def versions(home: Home) -> list[str]:
    """Versions on disk, oldest first."""
    entries = home.serving.iterdir() if home.serving.exists() else ()
    return sorted(match[1] for path in entries if (match := _VERSION.fullmatch(path.name)))


def path_of(home: Home, version: str) -> Path:
    """The file of a version."""
    return home.serving / f"serving-{version}.duckdb"


def current_version(home: Home) -> str | None:
    """The version readers see, None when they see nothing."""
    if not home.serving_link.is_symlink() or not home.serving_link.exists():
        return None
    match = _VERSION.fullmatch(Path(os.readlink(home.serving_link)).name)
    return match[1] if match else None


def current_publication(home: Home) -> Publication | None:
    """What readers see, None when they see nothing.

    A version that was rolled back to counts.

    Raises
    ------
    Damaged
        The file is not what DuckDB wrote.
    """
    if current_version(home) is None:
        return None
    with published(home.serving_link) as readers:
        return publication_in(readers)


def publication_in(readers: duckdb.DuckDBPyConnection) -> Publication:
    """What an open published file says of itself."""
    [row] = readers.execute(
        "SELECT version, dataset, input_fingerprint, model_id, model, metrics FROM publication"
    ).fetchall()
    return Publication(*row)._replace(metrics=json.loads(row[-1]))


@contextmanager
def only_publisher(home: Home) -> Iterator[None]:
    """One publication at a time; clears what a killed one left, and what this one does when it fails."""
    home.serving.mkdir(exist_ok=True)
    access.share(home.root)
    with FileLock(home.serving / ".lock"):
        clear_unfinished(home)
        try:
            yield
        finally:
            clear_unfinished(home)


def point_to(home: Home, version: str) -> None:
    """Move the link in one step: readers see the old version or the new one, never neither."""
    point(home.serving_link, Path("serving") / f"serving-{version}.duckdb")


def prune(home: Home, keep: int) -> list[str]:
    """Remove all but the newest ``keep`` versions and the one readers see; returns what was removed."""
    current = current_version(home)
    removed = [version for version in versions(home)[:-keep] if version != current]
    for version in removed:
        remove(path_of(home, version))
    return removed


def clear_unfinished(home: Home) -> None:
    """Remove what a publication that failed or was killed left behind."""
    for leftover in home.serving.glob("building-*.duckdb*"):
        remove(leftover)


def new_version(home: Home) -> str:
    """A UTC time stamp to the millisecond, later than every version there is.

    The newest there is and a millisecond, where the clock was set back: versions are in the order they were made.
    """
    kept, version = versions(home), _named(datetime.now(UTC))
    if not kept or version > kept[-1]:
        return version
    return _named(datetime.strptime(f"{kept[-1]}000", STAMP) + timedelta(milliseconds=1))


def _named(time: datetime) -> str:
    return time.strftime(STAMP)[:-3]


def remove(path: Path) -> None:
    """Remove a database file and what DuckDB keeps beside it; ``.tmp`` is a folder it spills into."""
    for name in (path, *(Path(f"{path}{suffix}") for suffix in SIDE_FILES)):
        if name.is_dir():
            shutil.rmtree(name)
        else:
            name.unlink(missing_ok=True)
