"""The source files whose rows are in ``raw.*`` (``ops.files``), and their unusable rows (``ops.quarantine``)."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from recengine.warehouse import sqlfiles


def next_id(con: duckdb.DuckDBPyConnection) -> int:
    """The id that the next file gets."""
    [(file_id,)] = con.execute("SELECT coalesce(max(file_id), 0) + 1 FROM ops.files").fetchall()
    return int(file_id)


def add(
    con: duckdb.DuckDBPyConnection,
    file_id: int,
    *,
    role: str,
    name: str,
    sha256: str,
    reading: str,
    size: int,
    rows: int,
) -> None:
    """Register a file that was read: ``size`` bytes, ``rows`` records; ``count_bad_rows`` counts the unusable."""
    con.execute(
        "INSERT INTO ops.files VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        [file_id, role, name, sha256, reading, size, rows],
    )


def remove(con: duckdb.DuckDBPyConnection, file_ids: Sequence[int]) -> None:
    """Take files, and what is in quarantine of them, out of the history."""
    for table in ("ops.quarantine", "ops.files"):
        con.execute(f"DELETE FROM {table} WHERE list_contains(?::INTEGER[], file_id)", [list(file_ids)])


def expire_readings(con: duckdb.DuckDBPyConnection) -> None:
    """Make the next load read every file anew, whatever their content."""
    con.execute("UPDATE ops.files SET reading = ''")


def quarantine_ratings(con: duckdb.DuckDBPyConnection, file_id: int, file: str, first_line: int) -> None:
    """Quarantine the lines of a ratings file that ``raw.ratings_<file_id>`` gives a reason for."""
    about = {"file": file, "first_line": first_line}
    sqlfiles.run(con, "history/quarantine_ratings", about, file_id=str(file_id))


def quarantine_judged(con: duckdb.DuckDBPyConnection, file_id: int, file: str) -> None:
    """Quarantine the records of a movies or users file that the scratch table ``judged`` gives a reason for."""
    sqlfiles.run(con, "history/quarantine_judged", {"file_id": file_id, "file": file})


def quarantine_ruled_out(
    con: duckdb.DuckDBPyConnection, file_id: int, file: str, *, lines: str, shown: str
) -> None:
    """Quarantine a file's records that ``raw.left_out`` says another line or file rules out.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    file_id : int
        The file's id in ``ops.files``.
    file : str
        Its name below the source folder.
    lines : str
        SQL that scans the file, one whole record per line (see ``movielens.records.lines_of``).
    shown : str
        SQL for a record's text as it is stored.
    """
    about = {"file_id": file_id, "file": file}
    sqlfiles.run(con, "history/quarantine_ruled_out", about, lines=lines, shown=shown)


def readmit_ruled_out(con: duckdb.DuckDBPyConnection, file_ids: Sequence[int]) -> None:
    """Take out of quarantine what other lines or files ruled out, before it is judged anew."""
    sqlfiles.run(con, "history/readmit_ruled_out", {"file_ids": list(file_ids)})


def count_bad_rows(con: duckdb.DuckDBPyConnection) -> None:
    """Note for every file how many of its rows are in quarantine."""
    sqlfiles.run(con, "history/count_bad_rows")
