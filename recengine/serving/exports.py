"""Exports: what was published, taken elsewhere too: Parquet files, or whatever an exporter of anybody's writes.

They run after the publication and can never undo it: one that fails is told in an error line and in the report.
"""

from __future__ import annotations

import logging
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recengine.config import Home
from recengine.runtime import durable
from recengine.runtime.doors import Door
from recengine.serving.versions import current_version, versions
from recengine.warehouse.connection import published
from recengine.warehouse.sqlfiles import path_literal

log = logging.getLogger(__name__)


class Exporter(ABC):
    """Base of exporters: a class that is made without arguments for each publication.

    A base class, and not any callable: a name in a form must not have functions of its choice called.
    """

    @abstractmethod
    def export(self, home: Home, path: Path) -> None:
        """Take a publication elsewhere.

        Parameters
        ----------
        home : Home
            Where it was published.
        path : Path
            The published DuckDB file, to be opened read-only: ``warehouse.connection.published(path)``.
        """


class Parquet(Exporter):
    """Every published table as a Parquet file under ``exports/parquet-<version>``; ``exports/parquet`` links to it.

    A folder is there whole or not at all, and goes when its version does.
    """

    def export(self, home: Home, path: Path) -> None:
        """Write the tables of the current version."""
        version = current_version(home)
        folder = home.exports / f"parquet-{version}"
        home.exports.mkdir(mode=0o700, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        with published(path) as readers, durable.new_folder(folder) as partial:
            tables = readers.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_name").fetchall()
            for (table,) in tables:
                readers.execute(
                    f'COPY "{table}" TO {path_literal(partial / f"{table}.parquet")} '
                    "(FORMAT parquet, COMPRESSION zstd)"
                )
        durable.point(home.exports / "parquet", Path(folder.name))
        kept = {f"parquet-{version}" for version in versions(home)} | {"parquet"}
        for old in home.exports.glob("parquet-*"):
            if old.name not in kept:
                shutil.rmtree(old)


def _problem_of(found: Any) -> str | None:
    if isinstance(found, type) and issubclass(found, Exporter):
        return None
    return "it is not a subclass of recengine.serving.exports.Exporter"


DOOR: Door[type[Exporter]] = Door("exporter", "recengine.exporters", {"parquet": Parquet}, _problem_of)


def export(home: Home, path: Path, names: Sequence[str]) -> dict[str, str]:
    """Run exporters over a publication, one after the other.

    Parameters
    ----------
    home : Home
        Where it was published.
    path : Path
        The published file.
    names : sequence of str
        Built-in names, import paths or entry points of the group ``recengine.exporters``.

    Returns
    -------
    dict of str to str
        What went wrong, by exporter; empty where nothing did.
    """
    problems = {}
    for name in names:
        began = time.perf_counter()
        try:
            DOOR.find(name)().export(home, path)
        except Exception as error:  # whatever it is, readers have their tables
            problems[name] = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            log.error(
                "publish: the tables are published, but the export %s failed (%s); mend it and publish again",
                name,
                problems[name],
                exc_info=True,
            )
        else:
            log.info("publish: exported by %s in %.2f s", name, time.perf_counter() - began)
    return problems
