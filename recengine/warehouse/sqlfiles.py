"""SQL lives in files: this loads them from ``recengine/sql`` and fills in what cannot be bound."""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb

from recengine.errors import BadInput, legible


@cache
def _text(name: str) -> str:
    return files("recengine").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def names(folder: str) -> list[str]:
    """Names (without ``.sql``) of the files in a folder of ``recengine/sql``, sorted."""
    entries = files("recengine").joinpath("sql", folder).iterdir()
    return sorted(entry.name.removesuffix(".sql") for entry in entries if entry.name.endswith(".sql"))


def load(name: str, **fragments: str) -> str:
    """Text of ``recengine/sql/<name>.sql`` with each ``{fragment}`` replaced.

    Values are bound with ``$name`` parameters; fragments are only for what SQL cannot bind, such as a
    table function's options or a schema's name.
    """
    text = _text(name)
    for key in fragments:
        if f"{{{key}}}" not in text:
            raise KeyError(f"{name}.sql has no {{{key}}}")
    if not fragments:
        return text
    # In one pass, so that a value may hold braces; not in comments, which a value with a line break would end.
    parts = re.compile(r"^\s*--.*$|\{(\w+)\}", re.MULTILINE)
    return parts.sub(lambda found: fragments.get(found[1] or "", found[0]), text)


def run(
    con: duckdb.DuckDBPyConnection,
    name: str,
    parameters: dict[str, object] | None = None,
    **fragments: str,
) -> duckdb.DuckDBPyConnection:
    """Execute a SQL file on a connection and return the connection, ready to fetch from."""
    return con.execute(load(name, **fragments), parameters)


def literal(text: object) -> str:
    """A value as a quoted SQL string literal; a path is given by ``path_literal`` or ``scan_of``."""
    return "'" + str(text).replace("'", "''") + "'"


def path_literal(path: Path) -> str:
    """A file to attach or to write to, as a quoted SQL literal.

    It is absolute, so that no beginning of it is taken for a scheme, an option or a home folder.

    Raises
    ------
    BadInput
        Its path is not UTF-8, which no SQL can say.
    """
    if not _is_text(path):
        raise BadInput(f"{path} is no UTF-8, which DuckDB's paths must be; choose another folder.")
    return literal(path.absolute())


def scan_of(path: Path) -> str:
    """First arguments of ``read_csv`` or ``read_parquet`` for just this file, whatever its path.

    DuckDB takes a path for a pattern and ``key=value`` in it for a column. A path that could be a pattern is read
    through a link of a plain name, because a pattern also depends on what else lies in its folders, and no column
    is taken from any path.
    """
    absolute = path.absolute()
    if not _is_plain(absolute):
        absolute = _link_to(absolute)
    return f"{literal(absolute)}, hive_partitioning = false"


def _is_text(path: Path) -> bool:
    return legible(path) == str(path)


def _is_plain(path: Path) -> bool:
    return _is_text(path) and not any(letter in str(path) for letter in "*?[]{}\\")


def _link_to(path: Path) -> Path:
    """A link to a file under a plain name of the same ending, for as long as this process lives."""
    ending = "".join(re.findall(r"\.[a-z]+$", path.name))
    link = _links(os.getpid()) / (hashlib.sha256(os.fsencode(path)).hexdigest()[:16] + ending)
    if not link.is_symlink():
        link.symlink_to(path)
    return link


@cache
def _links(process: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"recengine-links-{process}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if not _is_plain(folder):
        raise BadInput(f"{folder.parent} is no plain path for scratch files; set TMPDIR to another folder.")
    return folder
