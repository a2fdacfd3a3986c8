"""Users who are to stay forgotten (``ops.forgotten``): whom loads leave out.

The warehouse keeps a salted hash of each such id, not the id: whoever reads the table learns nobody's name, but
somebody who may try all ids can still ask it about each of them.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

import duckdb

from recengine.warehouse import sqlfiles
from recengine.warehouse.history import files

# Columns whose texts quote lines of source files: in ops.quarantine, ops.loads and, of ratings, raw.*.
QUOTING = ("raw", "problem")


def add(con: duckdb.DuckDBPyConnection, users: Sequence[int]) -> None:
    """Put users on the list; who is on it already stays."""
    salt = salt_of(con) or secrets.token_hex(16)
    listed_before = set(digests(con))
    for digest in sorted({_digest(salt, user) for user in users} - listed_before):
        con.execute("INSERT INTO ops.forgotten VALUES (?, ?, now() AT TIME ZONE 'UTC')", [salt, digest])


def readmit(con: duckdb.DuckDBPyConnection, users: Sequence[int]) -> int:
    """Take users off the list, so that the next load reads the files anew and counts them; how many were on it.

    Their entries stay, about nobody: tables and models made before they were forgotten are not those made after.
    """
    salt = salt_of(con) or ""
    [(taken_off,)] = con.execute(
        "UPDATE ops.forgotten SET digest = 'readmitted ' || uuid() WHERE list_contains(?::VARCHAR[], digest)",
        [[_digest(salt, user) for user in users]],
    ).fetchall()
    if taken_off:
        files.expire_readings(con)
    return int(taken_off)


def listed(con: duckdb.DuckDBPyConnection, users: Sequence[int]) -> set[int]:
    """Which of these users are on the list."""
    salt, on_the_list = salt_of(con) or "", set(digests(con))
    return {user for user in users if _digest(salt, user) in on_the_list}


def fingerprint(con: duckdb.DuckDBPyConnection, of_files: str) -> str:
    """An input fingerprint that also says who is left out; that of the files where nobody is."""
    on_the_list = sorted(digests(con))
    return hashlib.sha256(f"{of_files} {on_the_list}".encode()).hexdigest()[:16] if on_the_list else of_files


def blank_quotes(con: duckdb.DuckDBPyConnection, texts: Sequence[str] = ()) -> int:
    """Blank stored lines of source files in which an id on the list is a field, or that hold a text; how many.

    In every table that quotes lines, ``raw.*`` as well as ``ops.*``.
    """
    blanked = 0
    for table, column in sqlfiles.run(con, "forget/quoting", {"columns": list(QUOTING)}).fetchall():
        about: dict[str, object] = {"digests": digests(con), "salt": salt_of(con), "texts": list(texts)}
        [(lines,)] = sqlfiles.run(con, "history/blank_quotes", about, table=table, column=column).fetchall()
        blanked += int(lines)
    return blanked


def salt_of(con: duckdb.DuckDBPyConnection) -> str | None:
    """What the home's hashes are salted with, None where nobody was ever forgotten."""
    [(salt,)] = con.execute("SELECT any_value(salt) FROM ops.forgotten").fetchall()
    return None if salt is None else str(salt)


def digests(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The hashes on the list."""
    return [digest for (digest,) in con.execute("SELECT digest FROM ops.forgotten").fetchall()]


def _digest(salt: str, user: int) -> str:
    return hashlib.sha256(f"{salt}{user}".encode()).hexdigest()
