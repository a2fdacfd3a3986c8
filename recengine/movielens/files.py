"""One source file into its raw table, and its unusable records into quarantine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from recengine.errors import BadSource
from recengine.movielens.accounts import check_adds_up, one
from recengine.movielens.copies import normalised
from recengine.movielens.facts import FileFacts
from recengine.movielens.metadata import movie_columns, user_columns
from recengine.movielens.plain import by_record_of, copy_of, is_read_whole, plain_text
from recengine.movielens.reader import (
    reading_of,
)
from recengine.movielens.records import PER_SECOND, Reading, Time, lines_of, shown, texts_of
from recengine.movielens.source import Layout, SourceFile
from recengine.movielens.spellings import Role
from recengine.movielens.values import elected, overlooked, with_values
from recengine.warehouse import sqlfiles
from recengine.warehouse.history import files

# The macros of ingest/macros.sql that judge a record.
_REASONS: dict[Role, str] = {
    "ratings": "rating_reason(user_id, movie_id, rating, rated_at)",
    "movies": "movie_reason(movie_id, title)",
    "users": "user_reason(user_id)",
}


@dataclass(frozen=True)
class FileLoad:
    """One file that was read: its id in ``ops.files``, how many records it has, and what it does not say."""

    file: SourceFile
    file_id: int
    rows: int
    notes: tuple[str, ...] = ()


def load_file(
    con: duckdb.DuckDBPyConnection,
    file: SourceFile,
    layout: Layout,
    facts: FileFacts,
    reading_key: str,
    scratch: Path,
) -> FileLoad:
    """Parse one file into ``raw.<role>`` and register it in ``ops.files``.

    The reader takes the whole file first, where it is sure to read it as we do. Only if a line is missing afterwards
    (blank ones too), the file is read again record by record: those that cannot be used go to ``ops.quarantine``, the
    others to ``raw.<role>``, and none can be in both or in neither. A ratings file has a table of its own,
    ``raw.ratings_<file_id>``.

    Raises
    ------
    BadSource
        The file cannot be read at all.
    """
    file_id = files.next_id(con)
    reading = reading_of(file, layout)
    path, text = plain_text(con, file, reading, facts, scratch)
    reading = with_values(reading, path, *_years(con), _known_texts(con))
    _refuse_overlooked(con, file, reading, path)
    con.execute(f"SET VARIABLE undated = {reading.undated}")
    try:
        rows = None
        if is_read_whole(reading, path, text):
            # Metadata is small and in the old releases latin-1; a ratings file is read as it is.
            whole = path if reading.numbers else normalised(path, copy_of(file, scratch, "whole"))
            rows = _insert(con, file, layout, reading, reading.records_of(whole), file_id)
        if rows is None or rows != text.lines - (reading.first_line - 1):
            rows = _load_by_record(con, file, layout, reading, file_id, scratch, text, path)
    except duckdb.InvalidInputException as error:
        problem = " ".join(str(error).split())[:200]
        raise BadSource(file.path, f"cannot be read as {layout.name} ({problem})", "mend the file") from error
    files.add(
        con,
        file_id,
        role=file.role,
        name=file.name,
        sha256=facts.sha256,
        reading=reading_key,
        size=facts.bytes,
        rows=rows,
    )
    check_adds_up(con, file, file_id, rows)
    return FileLoad(file, file_id, rows, _notes(file, reading))


def _known_texts(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Which ids are text in a file that was read before."""
    first_keys = {
        kind: con.execute(f"SELECT 1 FROM raw.{kind}_keys LIMIT 1").fetchone() for kind in ("user", "movie")
    }
    return frozenset(f"{kind}_id" for kind, row in first_keys.items() if row)


def _refuse_overlooked(
    con: duckdb.DuckDBPyConnection, file: SourceFile, reading: Reading, path: Path
) -> None:
    """Refuse ratings without a column of ratings where another column may be it, unless there are said to be none."""
    name = overlooked(reading, path)
    if name is not None and con.execute("SELECT getvariable('implicit')").fetchone() != (True,):
        raise BadSource(
            file.path,
            f"no column is called like a rating, and {name!r} holds numbers",
            "say in a dataset.toml beside it which column the rating is, or that the scale is implicit",
        )


def _notes(file: SourceFile, reading: Reading) -> tuple[str, ...]:
    if not reading.numbers:
        return ()
    absent = {
        "rating": "no column of ratings: every line says only that somebody took a movie",
        "rated_at": "no column of times: its ratings are not dated",
    }
    return tuple(
        f"{file.name} has {what}" for column, what in absent.items() if column not in reading.columns
    )


def _years(con: duckdb.DuckDBPyConnection) -> tuple[float, float]:
    row = con.execute("SELECT getvariable('earliest'), getvariable('latest')").fetchone()
    assert row is not None
    return float(row[0]), float(row[1])


def _insert(
    con: duckdb.DuckDBPyConnection,
    file: SourceFile,
    layout: Layout,
    reading: Reading,
    records: str,
    file_id: int,
) -> int:
    if file.role == "ratings":
        return one(sqlfiles.run(con, "ingest/ratings", file_id=str(file_id), records=records))
    columns = movie_columns(layout, reading) if file.role == "movies" else user_columns(layout, reading)
    return one(sqlfiles.run(con, f"ingest/{file.role}", {"file_id": file_id}, records=records, **columns))


def _load_by_record(
    con: duckdb.DuckDBPyConnection,
    file: SourceFile,
    layout: Layout,
    reading: Reading,
    file_id: int,
    scratch: Path,
    text: FileFacts,
    plain: Path,
) -> int:
    path, lines = by_record_of(file, reading, plain, text, scratch)
    _remember_keys(con, reading, file_id, path)
    if file.role == "ratings":
        rows, seen = _ratings_by_record(con, file, reading, file_id, path)
        lines -= reading.first_line - 1
    else:
        rows, seen = _texts_by_record(con, file, layout, reading, file_id, path)
    if seen != lines:
        raise BadSource(
            file.path,
            f"has {lines:,} lines, of which the reader returned {seen:,}",
            "look for damage in the file",
        )
    return rows


def _remember_keys(con: duckdb.DuckDBPyConnection, reading: Reading, file_id: int, path: Path) -> None:
    """Keep the ids that are text beside the numbers that stand for them."""
    for name in sorted(reading.text_ids):
        fragments = {"kind": name.removesuffix("_id"), "fields": reading.fields(), "text": reading.text(name)}
        texts = texts_of(path, skip=reading.first_line - 1)
        sqlfiles.run(con, "ingest/keys", {"file_id": file_id}, texts=texts, **fragments)


def _ratings_by_record(
    con: duckdb.DuckDBPyConnection, file: SourceFile, reading: Reading, file_id: int, path: Path
) -> tuple[int, int]:
    """Records and lines of a ratings file, read by what most of its times are written in."""
    table, texts = f"raw.ratings_{file_id}", texts_of(path, skip=reading.first_line - 1)

    def read(by: Reading) -> int:
        parts = {"fields": by.fields(), "named": by.named(), "problem": by.problem(), "shown": shown("raw")}
        reason = _REASONS["ratings"]
        sqlfiles.run(
            con, "ingest/ratings_by_record", None, texts=texts, file_id=str(file_id), reason=reason, **parts
        )
        return one(con.execute(f"SELECT count(user_id) FROM {table}"))

    usable = read(reading)
    rows, seen = _counts(con, f"SELECT count(user_id) + count(reason), count(*) FROM {table}")
    if 2 * usable < rows and "rated_at" in reading.columns:
        better = _by_all_times(con, file, reading, texts)
        if better != reading:
            read(better)
    files.quarantine_ratings(con, file_id, file.name, reading.first_line)
    return rows, seen


def _by_all_times(con: duckdb.DuckDBPyConnection, file: SourceFile, reading: Reading, texts: str) -> Reading:
    """The reading by what most times of the whole file are written in.

    Raises
    ------
    BadSource
        Most are text that is no date as ISO 8601 writes it.
    """
    time = reading.text("rated_at")
    fragments = {"texts": texts, "fields": reading.fields(), "time": time}
    row = sqlfiles.run(con, "ingest/times", None, **fragments).fetchone()
    assert row is not None
    *counts, others, example = row
    votes: dict[Time, int] = dict(zip((*PER_SECOND, "text"), counts, strict=True))
    best = elected(votes)
    if others > 2 * votes[best] and others > 1:
        name = dict(reading.titles).get("rated_at", "timestamp")
        raise BadSource(
            file.path,
            f"the times in column {name!r} are text that is neither a number of seconds or milliseconds "
            f"since 1970 nor a date like 2020-01-31 or 2020-01-31 17:00:00 ({others:,} such, first {example[:40]!r})",
            "write them as one of these",
        )
    return replace(reading, time=best) if votes[best] else reading


def _texts_by_record(
    con: duckdb.DuckDBPyConnection,
    file: SourceFile,
    layout: Layout,
    reading: Reading,
    file_id: int,
    path: Path,
) -> tuple[int, int]:
    """Records and lines of a movies or users file."""
    parts = {
        "fields": reading.fields(),
        "named": reading.named(),
        "problem": reading.problem(),
        "shown": shown("raw"),
    }
    header_lines = str(reading.first_line - 1)
    sqlfiles.run(
        con,
        "ingest/by_record",
        None,
        lines=lines_of(path),
        header_lines=header_lines,
        reason=_REASONS[file.role],
        **parts,
    )
    con.execute(f"DELETE FROM raw.{file.role} WHERE file_id = ?", [file_id])
    _insert(con, file, layout, reading, "(SELECT * FROM judged WHERE reason IS NULL)", file_id)
    files.quarantine_judged(con, file_id, file.name)
    rows = one(con.execute("SELECT count(*) FROM judged"))
    con.execute("DROP TABLE judged")
    return rows, one(con.execute(f"SELECT count(*) FROM {texts_of(path)}"))


def _counts(con: duckdb.DuckDBPyConnection, query: str) -> tuple[int, int]:
    first, second = con.execute(query).fetchone() or (0, 0)
    return int(first), int(second)


def quarantine_left_out(
    con: duckdb.DuckDBPyConnection,
    file: SourceFile,
    layout: Layout,
    facts: FileFacts,
    file_id: int,
    scratch: Path,
) -> None:
    """Write the file's records that other ones or files rule out to ``ops.quarantine``, with their text."""
    reading = reading_of(file, layout)
    plain, text = plain_text(con, file, reading, facts, scratch)
    path, _ = by_record_of(file, reading, plain, text, scratch)
    files.quarantine_ruled_out(con, file_id, file.name, lines=lines_of(path), shown=shown("raw"))
