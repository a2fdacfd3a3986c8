"""Audits: SQL that selects what is wrong, each a file of ``recengine/sql/audits``, run on whatever has its tables."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from recengine.errors import AuditFailed
from recengine.warehouse import sqlfiles


def audit(con: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Run audits by their names.

    Raises
    ------
    AuditFailed
        With one example per audit that returned a row.
    """
    failures = {}
    for name in names:
        if (example := _example(con, name)) is not None:
            failures[name] = example
    if failures:
        raise AuditFailed(failures)


def _example(con: duckdb.DuckDBPyConnection, name: str) -> str | None:
    """One of an audit's problems, always the same one; None where there is none.

    Not by LIMIT: over a union whose parts read one common table expression DuckDB 2.0 waits for itself, for ever,
    once that has more rows than a row group (122,880).
    """
    audit = sqlfiles.load(f"audits/{name}")
    found = con.execute(f"SELECT min(coalesce(problem, 'a row that holds NULL')) FROM ({audit})").fetchall()
    [(example,)] = found
    return None if example is None else str(example)
