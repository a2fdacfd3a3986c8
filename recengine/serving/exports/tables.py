"""What there is to export: the tables and views of a published file, as its own catalogue has them."""

from __future__ import annotations

from typing import NamedTuple

import duckdb

from recengine.warehouse import sqlfiles


class Column(NamedTuple):
    """A column; ``type`` is DuckDB's name of it."""

    name: str
    type: str
    nullable: bool
    comment: str | None

    @property
    def is_text(self) -> bool:
        """Whether a cell is text of the data's own."""
        return self.type == "VARCHAR"

    @property
    def is_nested(self) -> bool:
        """Whether a cell holds several values: a list, a map, a struct."""
        return self.type.endswith("]") or self.type.startswith(("MAP(", "STRUCT(", "UNION("))


class Table(NamedTuple):
    """A table; ``key`` has the columns of its primary key, none where it has no key."""

    name: str
    comment: str | None
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def is_by_user(self) -> bool:
        """Whether it has rows of users, several each: ``users`` itself has one."""
        return self.name != "users" and any(column.name == "user_id" for column in self.columns)


class View(NamedTuple):
    """A view and the statement that makes it."""

    name: str
    sql: str
    comment: str | None


def tables_of(readers: duckdb.DuckDBPyConnection) -> list[Table]:
    """Every table of an open published file, by name."""
    named = sqlfiles.run(readers, "exports/tables").fetchall()
    return [Table(name, comment, tuple(key), _columns(readers, name)) for name, comment, key in named]


def views_of(readers: duckdb.DuckDBPyConnection) -> list[View]:
    """Every view of an open published file, each after those that it reads."""
    return [View(*row) for row in sqlfiles.run(readers, "exports/views").fetchall()]


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def _columns(readers: duckdb.DuckDBPyConnection, table: str) -> tuple[Column, ...]:
    found = sqlfiles.run(readers, "exports/columns", {"table_name": table}).fetchall()
    return tuple(Column(*row) for row in found)
