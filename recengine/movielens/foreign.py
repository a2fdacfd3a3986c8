"""Readers of other people's: what holds the data is no text or Parquet file, so a class of theirs reads it.

A ``dataset.toml`` names it (``reader = "package.module:Class"``). It hands over Arrow tables, which are kept under
the home as Parquet files and read from there as any others, so that everything said of files holds for them too.
"""

from __future__ import annotations

import filecmp
import hashlib
import logging
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, get_args

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from recengine.config import Home, refusal
from recengine.errors import BadSource
from recengine.movielens import description
from recengine.movielens.description import FILE_NAME, Description
from recengine.movielens.layouts import recognise
from recengine.movielens.source import Source
from recengine.movielens.spellings import Role
from recengine.runtime import durable
from recengine.runtime.doors import Door

log = logging.getLogger(__name__)

Table: TypeAlias = "pa.Table | pa.RecordBatchReader"


class Reader(BaseModel, ABC):
    """Base of readers; the fields of a subclass are its options, told under ``[options]``.

    A base class, and not any callable: data that somebody else wrote must not have functions of its choice called.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @abstractmethod
    def read(self, folder: Path) -> Mapping[Role, Table]:
        """Hand over the data.

        Parameters
        ----------
        folder : Path
            Where the ``dataset.toml`` lies; nothing may be written there.

        Returns
        -------
        mapping of str to Table or RecordBatchReader
            "ratings", and where known "movies" and "users", their columns called as in files.
        """


def _problem_of(found: Any) -> str | None:
    if isinstance(found, type) and issubclass(found, Reader):
        return None
    return "it is not a subclass of recengine.movielens.foreign.Reader"


DOOR: Door[type[Reader]] = Door("reader", "recengine.readers", {}, _problem_of)


def read(home: Home, folder: Path, dataset: str | None = None) -> Source | None:
    """The source that a folder's own reader hands over; None where its ``dataset.toml`` names none.

    Parameters
    ----------
    home : Home
        Keeps the tables, under ``sources/read``.
    folder : Path
        Where the ``dataset.toml`` lies.
    dataset : str, optional
        The name to know it by; what ``dataset.toml`` says, else the folder's own, when not given.

    Raises
    ------
    BadInput
        There is no such reader, or it cannot be imported.
    BadSource
        It has no such option, or failed.
    """
    told = description.load(folder) if folder.is_dir() else None
    if told is None or told.reader is None:
        return None
    kept = home.sources / "read" / hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    kept.mkdir(parents=True, exist_ok=True)
    tables = _tables(folder, told)
    for old in kept.iterdir():
        if old.stem not in tables:
            old.unlink()
    for role, table in tables.items():
        _keep(table, kept / f"{role}.parquet")
    shutil.copyfile(folder / FILE_NAME, kept / FILE_NAME)
    name = dataset or told.name or folder.name
    log.info("ingest: %s was read by %s", name, told.reader)
    return replace(recognise(kept, name), folder=folder)


def _tables(folder: Path, told: Description) -> dict[Role, Table]:
    path, name = folder / FILE_NAME, str(told.reader)
    kind = DOOR.find(name)
    try:
        reader = kind(**told.options)
    except ValidationError as error:
        raise BadSource(path, refusal(error, kind, "options").rstrip("."), "mend it") from error
    try:
        tables = dict(reader.read(folder))
    except Exception as error:  # a stranger's reader may raise anything
        said = re.sub(r"\.$", "", f"{type(error).__name__}: {error}")
        raise BadSource(
            path, f"its reader {name} failed ({said})", "mend the reader or its options"
        ) from error
    if "ratings" not in tables or not tables.keys() <= set(get_args(Role)):
        raise BadSource(
            path,
            f"its reader {name} hands over {', '.join(map(str, tables)) or 'nothing'}",
            "it has to hand over ratings, and may movies and users",
        )
    return tables


def _keep(table: Table, path: Path) -> None:
    """Write a table as Parquet; where it is as it was, the file stays, so that it is not loaded again."""
    with durable.new_file(path) as partial:
        with pq.ParquetWriter(partial, table.schema) as writer:
            for batch in table.to_batches() if isinstance(table, pa.Table) else table:
                writer.write_batch(batch)
        if path.exists() and filecmp.cmp(partial, path, shallow=False):
            shutil.copystat(path, partial)
