"""How users' rows leave an open warehouse: those just loaded of users on the list, and all on request."""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb

from recengine.warehouse import sqlfiles
from recengine.warehouse.history import forgotten

# Their rows count the lines of a file, so that an erased one stays, empty, as a blank line's does.
_LINES = re.compile(r"raw\.ratings_\d+")


def leave_out(con: duckdb.DuckDBPyConnection) -> int:
    """Erase from ``raw.*`` what a load has just read of forgotten users; how many rows that were."""
    salt = forgotten.salt_of(con)
    if salt is None:
        return 0
    read: set[int] = set()
    for table, _, _ in user_tables(con, "raw"):
        rows = con.execute(
            f"WITH ids AS (SELECT DISTINCT user_id FROM {table}) "
            "SELECT user_id FROM ids WHERE list_contains(?::VARCHAR[], sha256(? || user_id::VARCHAR))",
            [forgotten.digests(con), salt],
        ).fetchall()
        read |= {user for (user,) in rows}
    texts = keys_of(con, sorted(read))
    erased = erase(con, sorted(read), "raw")
    forgotten.blank_quotes(con, texts)
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
    keys: set[str] = set()
    for table, by_id, columns in user_tables(con):
        if by_id and "user_key" in columns:
            rows = con.execute(
                f"SELECT DISTINCT user_key FROM {table} WHERE list_contains(?::BIGINT[], user_id)",
                [list(users)],
            ).fetchall()
            keys |= {key for (key,) in rows if key is not None}
    return sorted(keys - {str(user) for user in users})


def id_of_key(text: str) -> int:
    """The number that stands for an id that is text in the files: ``key_of`` in ``ingest/macros.sql``."""
    [(number,)] = duckdb.execute("SELECT (md5_number_lower(?) % 9007199254740992)::BIGINT", [text]).fetchall()
    return int(number)
