"""Every line of a source file is somewhere: usable, repeated, superseded, ruled out or in quarantine."""

from __future__ import annotations

import duckdb

from recengine.errors import BadSource
from recengine.movielens.source import SourceFile
from recengine.movielens.spellings import Role
from recengine.warehouse import sqlfiles


def one(result: duckdb.DuckDBPyConnection) -> int:
    """The number that a query of one row and column found."""
    row = result.fetchone()
    assert row is not None
    return int(row[0])


def check_adds_up(con: duckdb.DuckDBPyConnection, file: SourceFile, file_id: int, rows: int) -> None:
    """Refuse a file of which a record is neither usable nor in quarantine.

    Raises
    ------
    BadSource
        It says how many are where.
    """
    usable = one(con.execute(f"SELECT count(*) FROM {_usable(file.role, file_id)}"))
    bad = one(con.execute("SELECT count(*) FROM ops.quarantine WHERE file_id = ?", [file_id]))
    if usable + bad != rows:
        raise BadSource(
            file.path,
            f"has {rows:,} records, of which {usable:,} were read and {bad:,} set aside",
            "mend the file",
        )


def _usable(role: Role, file_id: int) -> str:
    if role == "ratings":
        return f"raw.ratings_{file_id} WHERE user_id IS NOT NULL"
    return f"raw.{role} WHERE file_id = {file_id}"


def check_ratings_add_up(con: duckdb.DuckDBPyConnection, source: str) -> None:
    """Refuse a load of which a usable rating is neither in the core table nor said to be left out, or is of two ids.

    Raises
    ------
    BadSource
        It says how many are where.
    """
    usable = one(con.execute("SELECT count(*) FROM raw.ratings"))
    counted = one(sqlfiles.run(con, "ingest/accounted"))
    if usable != counted:
        raise BadSource(
            source,
            f"holds {usable:,} usable ratings, of which {counted:,} count or are repeated, superseded or ruled out",
            "load again, and report it if it stays so",
        )
    _check_keys(con, source)


def _check_keys(con: duckdb.DuckDBPyConnection, source: str) -> None:
    """Refuse a load in which one number stands for two ids that are text; the sentence names them."""
    for kind in ("user", "movie"):
        pair = con.execute(
            f"SELECT min({kind}_key), max({kind}_key) FROM raw.{kind}_keys GROUP BY {kind}_id "
            f"HAVING min({kind}_key) <> max({kind}_key) ORDER BY 1 LIMIT 1"
        ).fetchone()
        if pair is not None:
            raise BadSource(
                source,
                f"the {kind} ids {pair[0]!r} and {pair[1]!r} would be one number (ids of text are hashed to 53 bits)",
                "rename one of them",
            )
