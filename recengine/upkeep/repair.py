"""Before a run: what is found damaged in a home is set aside, said by name, and from then on counts as absent.

So no stage meets a torn file: what is absent is read, built, trained or published anew by the run, because each stage
asks only whether its result is there.
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.models import store
from recengine.runtime import durable
from recengine.serving import publications
from recengine.serving.versions import (
    SIDE_FILES,
    current_version,
    only_publisher,
    path_of,
    point_to,
    versions,
)
from recengine.warehouse.connection import damage_of, warehouse

log = logging.getLogger(__name__)


def look_over(home: Home) -> list[str]:
    """Set aside what is damaged; the caller has the home for itself.

    Returns
    -------
    list of str
        A sentence for each thing that was set aside, as logged.
    """
    return [*_models(home), *_snapshots(home), *_judgements(home), *_published(home), *_warehouse(home)]


def _models(home: Home) -> Iterator[str]:
    for folder in _folders(home.models):
        if (folder.name != "judgements") and (problem := store.problem_of(folder)):
            yield durable.set_aside(folder, problem, "it is trained again when it is needed")


def _snapshots(home: Home) -> Iterator[str]:
    for folder in _folders(home.snapshots):
        if problem := Snapshot.problem_of(folder):
            yield durable.set_aside(folder, problem, "it is built again from the warehouse")


def _judgements(home: Home) -> Iterator[str]:
    for file in sorted((home.models / "judgements").glob("*.npz")):
        try:
            with zipfile.ZipFile(file) as archive:
                bad = archive.testzip()
        except zipfile.BadZipFile as error:
            bad = str(error)
        if bad is not None:
            yield durable.set_aside(file, bad, "the candidate is judged again")


def _published(home: Home) -> Iterator[str]:
    current = current_version(home)
    for version in versions(home):
        path = path_of(home, version)
        if not (problem := damage_of(path)):
            continue
        then = "it is no longer kept for rollback"
        if version == current:
            older = [kept for kept in versions(home) if kept < version and not damage_of(path_of(home, kept))]
            if older:
                point_to(home, older[-1])
                then = f"readers have version {older[-1]} until the run publishes again"
            else:
                home.serving_link.unlink()
                then = "readers have nothing until the run publishes again"
        yield durable.set_aside(path, problem, then)


def _warehouse(home: Home) -> Iterator[str]:
    for path in (Path(f"{home.warehouse}.wal"), home.warehouse):
        problem = damage_of(home.warehouse) if home.warehouse.exists() else None
        if problem and path.exists():
            then = "the run reads its source again; the history of runs is lost, the published tables stay"
            if path != home.warehouse:
                then = "what the last run did not finish writing is lost"
            yield durable.set_aside(path, problem, then)
    for suffix in SIDE_FILES if not home.warehouse.exists() else ():
        side = Path(f"{home.warehouse}{suffix}")
        if side.is_file():
            yield durable.set_aside(side, "it belongs to no warehouse", "nothing is lost by that")
    if versions(home):
        with only_publisher(home), warehouse(home.warehouse) as con:
            publications.settle(con, home)


def _folders(room: Path) -> list[Path]:
    entries = sorted(room.iterdir()) if room.is_dir() else []
    return [
        entry
        for entry in entries
        if entry.is_dir() and not entry.name.startswith(".") and not durable.is_aside(entry)
    ]
