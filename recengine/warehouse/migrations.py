"""The warehouse's schema has a version; an older file is brought up in one transaction, a newer refused."""

from __future__ import annotations

from pathlib import Path

import duckdb

from recengine.errors import WarehouseTooNew
from recengine.warehouse import sqlfiles
from recengine.warehouse.transaction import transaction


def newest_version() -> int:
    """The schema version this recengine knows: the number of the last migration file."""
    return int(sqlfiles.names("migrations")[-1].split("_", 1)[0])


def version_of(con: duckdb.DuckDBPyConnection) -> int:
    """The schema version of an open warehouse; 0 for an empty file."""
    has_versions = con.execute(
        "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'ops' AND table_name = 'schema_version'"
    ).fetchone()
    if not has_versions:
        return 0
    row = con.execute("SELECT max(version) FROM ops.schema_version").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def migrate(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Bring an open warehouse to the newest schema, all pending migrations in one transaction.

    Raises
    ------
    WarehouseTooNew
        The file has a version this recengine does not know; it is left as it is.
    """
    pending = _pending(con, path)
    if not pending:
        return
    with transaction(con):
        for name in pending:
            con.execute(sqlfiles.load(f"migrations/{name}"))
            con.execute("INSERT INTO ops.schema_version VALUES (?, now())", [int(name.split("_", 1)[0])])


def is_up_to_date(con: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Whether an open warehouse has the newest schema.

    Raises
    ------
    WarehouseTooNew
        The file has a version this recengine does not know.
    """
    return not _pending(con, path)


def _pending(con: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    version = version_of(con)
    if version > newest_version():
        raise WarehouseTooNew(path, version, newest_version())
    # By number, not by the highest one: of two that were written side by side, the lower may come later.
    applied = con.execute("SELECT version FROM ops.schema_version").fetchall() if version else []
    done = {int(row[0]) for row in applied}
    return [name for name in sqlfiles.names("migrations") if int(name.split("_", 1)[0]) not in done]
