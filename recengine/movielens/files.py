"""One source file into its raw table, and its unusable lines into quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from recengine.movielens.layouts import Layout, SourceFile
from recengine.movielens.reader import (
    GENRES_OF_100K,
    FileFacts,
    Reading,
    lines_of,
    normalised,
    reading_of,
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


@dataclass(frozen=True)
class FileLoad:
    """One file that was read: how many data rows it has."""

    file: SourceFile
    rows: int


def load_file(
    con: duckdb.DuckDBPyConnection,
    file: SourceFile,
    layout: Layout,
    facts: FileFacts,
    reading_key: str,
    scratch: Path,
) -> FileLoad:
    """Parse one file into ``raw.<role>`` and register it in ``ops.files``."""
    row = con.execute("SELECT coalesce(max(file_id), 0) + 1 FROM ops.files").fetchone()
    file_id = row[0] if row else 1
    if file.role == "ratings":
        usable = _load_ratings(con, file, layout, facts, file_id, scratch)
    else:
        usable = _load_metadata(con, file, layout, file_id, scratch)
    rows = facts.lines - reading_of(file, layout).header
    con.execute(
        "INSERT INTO ops.files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [file_id, file.role, file.name, facts.sha256, reading_key, facts.bytes, rows, rows - usable],
    )
    return FileLoad(file, rows)


def _load_ratings(
    con: duckdb.DuckDBPyConnection,
    file: SourceFile,
    layout: Layout,
    facts: FileFacts,
    file_id: int,
    scratch: Path,
) -> int:
    path = normalised(file.path, scratch / "ratings") if facts.odd_line_ends else file.path
    relation = reading_of(file, layout, path).relation(numbers=True)
    return _inserted(sqlfiles.run(con, "ingest/ratings", {"file_id": file_id}, relation=relation))


def _load_metadata(
    con: duckdb.DuckDBPyConnection, file: SourceFile, layout: Layout, file_id: int, scratch: Path
) -> int:
    copy = normalised(file.path, scratch / file.role, quoted=layout.name == "csv")
    reading = reading_of(file, layout, copy)
    fragments = _movie_columns(layout) if file.role == "movies" else _user_columns(layout, reading)
    return _inserted(
        sqlfiles.run(
            con, f"ingest/{file.role}", {"file_id": file_id}, relation=reading.relation(), **fragments
        )
    )


def _inserted(con: duckdb.DuckDBPyConnection) -> int:
    row = con.fetchone()
    return int(row[0]) if row else 0


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


def quarantine_file(con: duckdb.DuckDBPyConnection, file: SourceFile, layout: Layout, scratch: Path) -> None:
    """Write the file's unusable lines to ``ops.quarantine`` (replacing what it had) and count its rows.

    Does nothing for a file in which every line was usable, without reading it again.
    """
    row = sqlfiles.run(con, f"ingest/left_out_{file.role}", {"name": file.name}).fetchone()
    file_id, left_out = row if row else (0, 0)
    con.execute("DELETE FROM ops.quarantine WHERE file_id = ?", [file_id])
    if not left_out:
        return
    reading = reading_of(file, layout)
    copy = normalised(file.path, scratch / "lines")
    about = {"file_id": file_id, "file": file.name, "header_lines": int(reading.header)}
    judgement = _ratings_judgement(reading) if file.role == "ratings" else _metadata_judgement(file, reading)
    sqlfiles.run(
        con, "ingest/quarantine", about | {"delimiter": reading.delimiter}, lines=lines_of(copy), **judgement
    )
    sqlfiles.run(con, "ingest/unlocated", about, lines=lines_of(copy), role=file.role)


def _field(reading: Reading, column: str) -> str:
    return f"field[{reading.columns.index(column) + 1}]"


def _ratings_judgement(reading: Reading) -> dict[str, str]:
    values = [
        f"try_cast({_field(reading, name)} AS DOUBLE)"
        for name in ("user_id", "movie_id", "rating", "rated_at")
    ]
    texts = [_field(reading, name) for name in ("user_id", "movie_id", "rating", "rated_at")]
    not_numbers = " OR ".join(
        f"({text} IS NOT NULL AND {value} IS NULL)" for text, value in zip(texts, values, strict=True)
    )
    return {
        "id_field": str(reading.columns.index("movie_id") + 1),
        "unsplittable": f"len(field) <> {len(reading.columns)} OR {not_numbers}",
        "reason": f"rating_reason({', '.join(values)})",
        "cross_reason": "CASE WHEN id NOT IN (SELECT movie_id FROM core.movies) THEN 'unknown movie' END",
    }


def _metadata_judgement(file: SourceFile, reading: Reading) -> dict[str, str]:
    key = "movie_id" if file.role == "movies" else "user_id"
    columns = len(reading.columns)
    values = [_field(reading, name) for name in (key, "title") if name in reading.columns]
    reason = f"{file.role.removesuffix('s')}_reason({', '.join(values)})"
    if reading.quote:  # a quoted field may hold commas, so only too few fields are surely wrong
        odd_quotes = "length(replace(raw, '\"', '')) % 2 <> length(raw) % 2"
        unsplittable = f"len(field) < {columns} AND NOT {odd_quotes}"
        reason = f"CASE WHEN {odd_quotes} THEN 'unclosed quote' ELSE {reason} END"
    else:
        unsplittable = f"len(field) <> {columns}"
    earlier = f"SELECT {key} FROM raw.{file.role} JOIN ops.files USING (file_id) WHERE name < {sqlfiles.literal(file.name)}"
    return {
        "id_field": str(reading.columns.index(key) + 1),
        "unsplittable": unsplittable,
        "reason": reason,
        "cross_reason": (
            "CASE WHEN row_number() OVER (PARTITION BY id, reason IS NULL ORDER BY line) > 1 "
            f"OR id IN ({earlier}) THEN 'duplicate {file.role.removesuffix('s')}' END"
        ),
    }
