"""``python -m recengine.serving.dictionary``: the page of all published tables, ``docs/tables.md``, as they say."""

from __future__ import annotations

from pathlib import Path

from recengine.serving.tables import CONTRACT, TABLES, VIEWS, write_tables
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import memory
from recengine.warehouse.migrations import migrate

_HEAD = f"""\
# The published tables

<!-- Made by `python -m recengine.serving.dictionary > docs/tables.md`; a test compares it. -->

What `COMMENT ON` says in the published file, version {CONTRACT} of the contract (`publication.contract`). A type
followed by *key* is that of a primary key or a part of one; what is followed by *always* is never NULL. How to read
the tables, and what the contract promises: [for analysts](analysts.md).
"""


def text() -> str:
    """The page, of empty tables that are made as every publication makes them."""
    with memory() as con:
        migrate(con, Path("memory"))
        con.execute("ATTACH ':memory:' AS published")
        write_tables(con, "none", {})
        rows = sqlfiles.run(con, "reading/dictionary").fetchall()
    by_table: dict[str, list[str]] = {}
    about = {}
    for table, said, column, kind, holds, comment in rows:
        about[table] = said
        cells = (column, f"{kind} *{holds}*" if holds else kind, comment.replace("|", "\\|"))
        by_table.setdefault(table, []).append(f"| {' | '.join(cells)} |")
    order = [
        name for table in TABLES for name in (table, *(v for v, shown in VIEWS.items() if shown[0] == table))
    ]
    return "\n".join([_HEAD, *(_section(table, about[table], by_table[table]) for table in order)])


def _section(table: str, about: str, columns: list[str]) -> str:
    return "\n".join(
        [f"## {table}", "", about, "", "| column | type | what it is |", "| --- | --- | --- |", *columns, ""]
    )


if __name__ == "__main__":
    print(text(), end="")
