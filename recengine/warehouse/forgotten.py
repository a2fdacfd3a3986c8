"""Users who are to stay forgotten: whom loads leave out, and how their rows leave an open warehouse.

The warehouse keeps a salted hash of each such id (``ops.forgotten``), not the id: whoever reads the table learns
nobody's name, but somebody who may try all ids can still ask it about each of them.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence

import duckdb

from recengine.warehouse import sqlfiles

# Columns whose texts quote lines of source files.
QUOTING = ("raw", "problem")
# Their rows count the lines of a file, so that an erased one stays, empty, as a blank line's does.
_LINES = re.compile(r"raw\.ratings_\d+")


def remember(con: duckdb.DuckDBPyConnection, users: Sequence[int]) -> None:
    """Put users on the list; who is on it already stays."""
    salt = _salt(con) or secrets.token_hex(16)
    listed = set(_digests(con))
    for digest in sorted({_digest(salt, user) for user in users} - listed):
        con.execute("INSERT INTO ops.forgotten VALUES (?, ?, now() AT TIME ZONE 'UTC')", [salt, digest])


def readmit(con: duckdb.DuckDBPyConnection, users: Sequence[int]) -> int:
    """Take users off the list, so that the next load reads the files anew and counts them; how many were on it.

    Their entries stay, about nobody: tables and models made before they were forgotten are not those made after.
    """
    salt = _salt(con) or ""
    row = con.execute(
        "UPDATE ops.forgotten SET digest = 'readmitted ' || uuid() WHERE list_contains(?::VARCHAR[], digest)",
        [[_digest(salt, user) for user in users]],
    ).fetchone()
    assert row is not None
    if row[0]:
        con.execute("UPDATE ops.files SET reading = ''")
    return int(row[0])


def listed(con: duckdb.DuckDBPyConnection, users: Sequence[int]) -> set[int]:
    """Which of these users are on the list."""
    salt, digests = _salt(con) or "", set(_digests(con))
    return {user for user in users if _digest(salt, user) in digests}


def fingerprint(con: duckdb.DuckDBPyConnection, of_files: str) -> str:
    """An input fingerprint that also says who is left out; that of the files where nobody is."""
    digests = sorted(_digests(con))
    return hashlib.sha256(f"{of_files} {digests}".encode()).hexdigest()[:16] if digests else of_files


def leave_out(con: duckdb.DuckDBPyConnection) -> int:
    """Erase from ``raw.*`` what a load has just read of forgotten users; how many rows that were."""
    salt = _salt(con)
    if salt is None:
        return 0
    found: set[int] = set()
    for table, _, _ in user_tables(con, "raw"):
        rows = con.execute(
            f"WITH ids AS (SELECT DISTINCT user_id FROM {table}) "
            "SELECT user_id FROM ids WHERE list_contains(?::VARCHAR[], sha256(? || user_id::VARCHAR))",
            [_digests(con), salt],
        ).fetchall()
        found |= {user for (user,) in rows}
    texts = keys_of(con, sorted(found))
    erased = erase(con, sorted(found), "raw")
    erase_quotes(con, texts)
    return sum(rows for table, rows in erased.items() if _LINES.fullmatch(table))


def user_tables(con: duckdb.DuckDBPyConnection, schema: str = "") -> list[tuple[str, bool, list[str]]]:
    """Tables about users: name, whether they say who by ``user_id``, and all columns."""
    [(database,)] = con.execute("SELECT current_database()").fetchall()
    rows = sqlfiles.run(con, "forget/columns", {"database": database}).fetchall()
    return [row for row in rows if row[0].startswith(f"{schema}." if schema else "")]


def erase(con: duckdb.DuckDBPyConnection, users: Sequence[int], schema: str = "") -> dict[str, int]:
    """Remove all rows about some users; how many, by table."""
    erased = {}
    for table, by_id, columns in user_tables(con, schema):
        whose = "list_contains($users::BIGINT[], user_id)"
        if not by_id:
            whose = f"user_index IN (SELECT user_index FROM features.users WHERE {whose})"
        statement = f"DELETE FROM {table}"
        if _LINES.fullmatch(table):
            statement = f"UPDATE {table} SET {', '.join(f'{column} = NULL' for column in columns)}"
        row = con.execute(f"{statement} WHERE {whose}", {"users": list(users)}).fetchone()
        if row is not None and row[0]:
            erased[table] = int(row[0])
    return erased


def keys_of(con: duckdb.DuckDBPyConnection, users: Sequence[int]) -> list[str]:
    """How the source files write users whose ids are text there."""
    found: set[str] = set()
    for table, by_id, columns in user_tables(con):
        if by_id and "user_key" in columns:
            rows = con.execute(
                f"SELECT DISTINCT user_key FROM {table} WHERE list_contains(?::BIGINT[], user_id)",
                [list(users)],
            ).fetchall()
            found |= {key for (key,) in rows if key is not None}
    return sorted(found - {str(user) for user in users})


def id_of_key(text: str) -> int:
    """The number that stands for an id that is text in the files: ``key_of`` in ``ingest/macros.sql``."""
    [(number,)] = duckdb.execute("SELECT (md5_number_lower(?) % 9007199254740992)::BIGINT", [text]).fetchall()
    return int(number)


def erase_quotes(con: duckdb.DuckDBPyConnection, texts: Sequence[str] = ()) -> int:
    """Blank stored lines of source files in which an id on the list is a field, or that hold a text; how many."""
    tables = con.execute(
        "SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns() SEMI JOIN duckdb_tables() "
        "USING (database_name, schema_name, table_name) "
        "WHERE database_name = current_database() AND list_contains(?, column_name) ORDER BY ALL",
        [list(QUOTING)],
    ).fetchall()
    blanked = 0
    for table, column in tables:
        given: dict[str, object] = {"digests": _digests(con), "salt": _salt(con), "texts": list(texts)}
        row = sqlfiles.run(con, "forget/quoted", given, table=table, column=column).fetchone()
        blanked += int(row[0]) if row else 0
    return blanked


def _salt(con: duckdb.DuckDBPyConnection) -> str | None:
    row = con.execute("SELECT any_value(salt) FROM ops.forgotten").fetchone()
    return row[0] if row else None


def _digests(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [digest for (digest,) in con.execute("SELECT digest FROM ops.forgotten").fetchall()]


def _digest(salt: str, user: int) -> str:
    return hashlib.sha256(f"{salt}{user}".encode()).hexdigest()
