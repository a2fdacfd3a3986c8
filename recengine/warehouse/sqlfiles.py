"""SQL lives in files: this loads them from ``recengine/sql`` and fills in what cannot be bound."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import duckdb


@cache
def _text(name: str) -> str:
    return files("recengine").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def names(folder: str) -> list[str]:
    """Names (without ``.sql``) of the files in a folder of ``recengine/sql``, sorted."""
    found = files("recengine").joinpath("sql", folder).iterdir()
    return sorted(entry.name.removesuffix(".sql") for entry in found if entry.name.endswith(".sql"))


def load(name: str, **fragments: str) -> str:
    """Text of ``recengine/sql/<name>.sql`` with each ``{fragment}`` replaced.

    Values are bound with ``$name`` parameters; fragments are only for what SQL cannot bind, such as a
    table function's options or a schema's name.
    """
    text = _text(name)
    for key, value in fragments.items():
        if f"{{{key}}}" not in text:
            raise KeyError(f"{name}.sql has no {{{key}}}")
        text = text.replace(f"{{{key}}}", value)
    return text


def run(
    con: duckdb.DuckDBPyConnection,
    name: str,
    parameters: dict[str, object] | None = None,
    **fragments: str,
) -> duckdb.DuckDBPyConnection:
    """Execute a SQL file on a connection and return the connection, ready to fetch from."""
    return con.execute(load(name, **fragments), parameters)


def literal(text: object) -> str:
    """A value as a quoted SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"
