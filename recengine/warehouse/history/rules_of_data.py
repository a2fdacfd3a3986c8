"""The rules that came with the data that the core tables hold (``ops.rules_of_data``)."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb


def replace(con: duckdb.DuckDBPyConnection, rules: Sequence[tuple[str, str]]) -> None:
    """Keep the path and the text of each rule, inside the caller's transaction, and those of no other."""
    if kept(con) == list(rules):
        return
    con.execute("DELETE FROM ops.rules_of_data")
    for place, (path, text) in enumerate(rules):
        con.execute("INSERT INTO ops.rules_of_data VALUES (?, ?, ?)", [place, path, text])


def kept(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Path and text of each, in their order."""
    return con.execute("SELECT path, text FROM ops.rules_of_data ORDER BY place").fetchall()
