"""Exports: what was published, taken elsewhere too: files, a bucket, PostgreSQL, or what anybody's exporter writes.

They run after the publication and can never undo it: one that fails is told in an error line and in the report.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from recengine.config import Home
from recengine.errors import RecengineError
from recengine.runtime.doors import Door
from recengine.serving.exports.exporter import Exporter
from recengine.serving.exports.folders import Csv, Parquet
from recengine.serving.exports.postgres import Postgres

__all__ = ["DOOR", "Exporter", "check", "export", "export_to"]

log = logging.getLogger(__name__)


def _problem_of(found: Any) -> str | None:
    if isinstance(found, type) and issubclass(found, Exporter):
        return None
    return "it is not a subclass of recengine.serving.exports.Exporter"


DOOR: Door[type[Exporter]] = Door(
    "exporter", "recengine.exporters", {"parquet": Parquet, "csv": Csv, "postgres": Postgres}, _problem_of
)


def export(home: Home, path: Path, names: Sequence[str]) -> dict[str, str]:
    """Run exporters over a publication, one after the other.

    Parameters
    ----------
    home : Home
        Where it was published.
    path : Path
        The published file.
    names : sequence of str
        Built-in names, import paths or entry points of the group ``recengine.exporters``, each alone or with the
        destination after a space: ``parquet /mnt/recommendations``.

    Returns
    -------
    dict of str to str
        What went wrong, by exporter; empty where nothing did.
    """
    problems = {}
    for name in names:
        began = time.perf_counter()
        try:
            export_to(home, path, name)
        except Exception as error:  # whatever it is, readers have their tables
            told = str(error) if isinstance(error, RecengineError) else f"{type(error).__name__}: {error}"
            problems[name] = " ".join(told.split())[:300]
            log.error(
                "publish: the tables are published, but the export %s failed (%s); mend it and publish again",
                name,
                problems[name],
                exc_info=True,
            )
        else:
            log.info("publish: exported by %s in %.2f s", name, time.perf_counter() - began)
    return problems


def export_to(home: Home, path: Path, name: str) -> None:
    """Run one exporter over a publication; no other of the home's runs meanwhile. Raises what it raises."""
    exporter = _made(name)
    with FileLock(home.root / ".export.lock"):
        exporter.export(home, path)


def check(names: Sequence[str]) -> None:
    """Say what can be known to be wrong with exporters before anything is done.

    Raises
    ------
    BadInput
        There is no such exporter, or it cannot export to there.
    """
    for name in names:
        _made(name).check()


def _made(name: str) -> Exporter:
    kind, _, destination = name.partition(" ")
    exporter = DOOR.find(kind)()
    exporter.destination = destination.strip()
    return exporter
