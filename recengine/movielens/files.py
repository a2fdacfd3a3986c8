"""One source file into its raw table, and its unusable lines into quarantine."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

from recengine.errors import BadSource
from recengine.movielens.layouts import Layout, Role, SourceFile
from recengine.movielens.reader import (
    GENRES_OF_100K,
    FileFacts,
    Reading,
    lines_of,
    normalised,
    reading_of,
    texts_of,
)
from recengine.warehouse import sqlfiles

# ml-1m writes occupations as codes; these are its README's names, in the order of the codes.
OCCUPATIONS_OF_1M = (
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)

# The macros of ingest/macros.sql that judge a line.
_REASONS: dict[Role, str] = {
    "ratings": "rating_reason(user_id, movie_id, rating, rated_at)",
    "movies": "movie_reason(movie_id, title)",
    "users": "user_reason(user_id)",
}


@dataclass(frozen=True)
class FileLoad:
    """One file that was read: its id in ``ops.files`` and how many data lines it has."""

    file: SourceFile
    file_id: int
    rows: int


def load_file(
    con: duckdb.DuckDBPyConnection,
    file: SourceFile,
    layout: Layout,
    facts: FileFacts,
    reading_key: str,
    scratch: Path,
) -> FileLoad:
    """Parse one file into ``raw.<role>`` and register it in ``ops.files``.

    The reader takes the whole file first. Only if a line is missing afterwards (blank ones too), the file is
    read again line by line: the lines that cannot be used go to ``ops.quarantine``, the others to
    ``raw.<role>``, and none can be in both or in neither. A ratings file has a table of its own,
    ``raw.ratings_<file_id>``.

    Raises
    ------
    BadSource
        The file cannot be read at all.
    """
    row = con.execute("SELECT coalesce(max(file_id), 0) + 1 FROM ops.files").fetchone()
    file_id = int(row[0]) if row else 1
    reading = reading_of(file, layout)
    expected = facts.lines - reading.header
    # Metadata is small and in the old releases latin-1; a ratings file is read as it is if it can be.
    ratings = file.role == "ratings"
    path = file.path if ratings and not facts.odd_line_ends else normalised(file.path, copy_of(file, scratch))
    try:
        rows = None
        if not facts.odd_line_ends:
            rows = _insert(con, file, layout, reading, reading.records_of(path), file_id)
        if rows != expected:
            path = readable_by_line(file, facts, scratch)
            rows = _load_by_line(con, file, layout, reading, file_id, path)
    except duckdb.InvalidInputException as error:
        problem = " ".join(str(error).split())[:200]
        raise BadSource(file.path, f"cannot be read as {layout.name} ({problem})", "mend the file") from error
    con.execute(
        "INSERT INTO ops.files VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        [file_id, file.role, file.name, facts.sha256, reading_key, facts.bytes, rows],
    )
    return FileLoad(file, file_id, rows)


def copy_of(file: SourceFile, scratch: Path) -> Path:
    """Where a normalised copy of a source file goes: in ``scratch``, whatever the file's own name."""
    return scratch / hashlib.sha256(os.fsencode(file.name)).hexdigest()[:16]


def readable_by_line(file: SourceFile, facts: FileFacts, scratch: Path) -> Path:
    """The file itself where its lines can be read as they are, else a normalised copy."""
    copy = copy_of(file, scratch)
    if facts.plain or copy.exists():
        return copy if copy.exists() else file.path
    return normalised(file.path, copy)


def _insert(
    con: duckdb.DuckDBPyConnection,
    file: SourceFile,
    layout: Layout,
    reading: Reading,
    records: str,
    file_id: int,
) -> int:
    if file.role == "ratings":
        return _one(sqlfiles.run(con, "ingest/ratings", file_id=str(file_id), records=records))
    columns = _movie_columns(layout) if file.role == "movies" else _user_columns(layout, reading)
    return _one(sqlfiles.run(con, f"ingest/{file.role}", {"file_id": file_id}, records=records, **columns))


def _load_by_line(
    con: duckdb.DuckDBPyConnection,
    file: SourceFile,
    layout: Layout,
    reading: Reading,
    file_id: int,
    path: Path,
) -> int:
    judging = {
        "fields": reading.fields(),
        "problem": reading.problem(),
        "named": reading.named(),
        "reason": _REASONS[file.role],
    }
    if file.role == "ratings":
        table = {"file_id": str(file_id)}
        texts = texts_of(path, skip=reading.header)
        sqlfiles.run(con, "ingest/ratings_by_line", None, texts=texts, **table, **judging)
        about = {"file": file.name, "first_line": reading.first_line}
        sqlfiles.run(con, "ingest/quarantine_ratings", about, **table)
        return _one(con.execute(f"SELECT count(user_id) + count(reason) FROM raw.ratings_{file_id}"))
    header_lines = str(int(reading.header))
    sqlfiles.run(con, "ingest/by_line", None, lines=lines_of(path), header_lines=header_lines, **judging)
    con.execute(f"DELETE FROM raw.{file.role} WHERE file_id = ?", [file_id])
    _insert(con, file, layout, reading, "(SELECT * FROM judged WHERE reason IS NULL)", file_id)
    con.execute(
        "INSERT INTO ops.quarantine SELECT ?, ?, line, reason, raw FROM judged WHERE reason IS NOT NULL",
        [file_id, file.name],
    )
    rows = _one(con.execute("SELECT count(*) FROM judged"))
    con.execute("DROP TABLE judged")
    return rows


def _one(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    assert row is not None
    return int(row[0])


def _movie_columns(layout: Layout) -> dict[str, str]:
    if layout.name == "ml-100k":
        flags = (
            f"CASE flag_{i} WHEN '1' THEN {sqlfiles.literal(g)} END" for i, g in enumerate(GENRES_OF_100K)
        )
        return {"title": "title", "genres": f"genres_of(concat_ws('|', {', '.join(flags)}))"}
    if layout.name == "csv":
        return {"title": "title", "genres": "genres_of(genres)"}
    # "Title:::Drama" splits at the first "::": the third colon belongs to the title.
    title = "CASE WHEN starts_with(genres, ':') THEN title || ':' ELSE title END"
    return {"title": title, "genres": "genres_of(ltrim(genres, ':'))"}


def _user_columns(layout: Layout, reading: Reading) -> dict[str, str]:
    columns = {
        name: name if name in reading.columns else "NULL::VARCHAR"
        for name in ("gender", "age", "occupation", "zip")
    }
    if layout.name == "ml-1m":
        named = ", ".join(sqlfiles.literal(name) for name in OCCUPATIONS_OF_1M)
        columns["occupation"] = f"coalesce([{named}][try_cast(occupation AS INTEGER) + 1], occupation)"
    return columns


def quarantine_left_out(
    con: duckdb.DuckDBPyConnection, file: SourceFile, facts: FileFacts, file_id: int, scratch: Path
) -> None:
    """Write the file's lines that another line or file rules out to ``ops.quarantine``, with their text."""
    about = {"file_id": file_id, "file": file.name}
    path = readable_by_line(file, facts, scratch)
    sqlfiles.run(con, "ingest/quarantine", about, lines=lines_of(path))
