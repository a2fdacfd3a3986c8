"""A publication as files: tables by ranges of users, an index of the ranges, a manifest with every file's hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import duckdb
import pyarrow as pa

from recengine.serving.exports.tables import Column, Table, quoted, tables_of
from recengine.serving.versions import publication_in
from recengine.warehouse import sqlfiles
from recengine.warehouse.sqlfiles import literal, path_literal

Format = Literal["parquet", "csv"]

MANIFEST = "manifest.json"
# 20 million rows in 200 files: 10 ms for one user through the right file, 53-76 ms through all of them.
ROWS_PER_FILE = 100_000
# What spreadsheets take for the beginning of a formula, in a cell of text.
_FORMULA = "^[=+\\-@\\t\\r\\n＝＋－＠]"
HOW_CSV_IS_WRITTEN = {
    "encoding": "UTF-8, no byte order mark; comma, double quotes, line feed; the first line has the names",
    "null": "an empty cell without quotes; an empty text is two quotes",
    "nested": 'lists, maps and structs are JSON: ["Comedy","Drama"]',
    "times": "UTC",
    "formulas": "text that a spreadsheet takes for a formula has an apostrophe before it; Parquet has it as it is",
}

_INDEX = pa.schema(
    [
        ("table_name", pa.string()),
        ("file", pa.string()),
        ("first_user_id", pa.int64()),
        ("last_user_id", pa.int64()),
        ("rows", pa.int64()),
    ]
)
_OPTIONS = {
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "csv": "FORMAT csv, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR ''",
}


class Part(NamedTuple):
    """A file that is to be written, and the users it is about where it is about a range of them."""

    file: str
    first_user_id: int | None
    last_user_id: int | None
    rows: int


def write(readers: duckdb.DuckDBPyConnection, folder: Path, form: Format, *, by_user: bool) -> dict[str, Any]:
    """Write every table of a published file, the index and the manifest.

    Parameters
    ----------
    readers : DuckDBPyConnection
        The open published file.
    folder : Path
        An empty folder.
    form : {"parquet", "csv"}
    by_user : bool
        Write tables that have several rows a user in ranges of users, as ``<table>/00001-<version>.<form>``, and an
        index of them; otherwise every table is one file.

    Returns
    -------
    dict
        The manifest.
    """
    readers.execute("SET TimeZone = 'UTC'")
    publication = publication_in(readers)
    tables, parts = tables_of(readers), dict[str, list[Part]]()
    for table in tables:
        split = by_user and table.is_by_user
        parts[table.name] = list(_parts(readers, table, form, publication.version, split=split))
        for part in parts[table.name]:
            _copy(readers, _rows_of(table, form, part), folder / part.file, form)
    if by_user:
        _write_index(readers, folder, form, parts)
    manifest = publication._asdict() | {"format": form, "layout": 1}
    del manifest["metrics"]  # publication has them
    if form == "csv":
        manifest["csv"] = HOW_CSV_IS_WRITTEN
    manifest["tables"] = {table.name: _described(table, parts[table.name], folder) for table in tables}
    if by_user:
        manifest["index"] = _with_hash({"file": f"index.{form}"}, folder)
    (folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    return manifest


def outdated(found: Mapping[str, str], in_use: Collection[str], kept: Collection[str]) -> list[str]:
    """Names of folders, given with the version of each, that neither readers nor a kept version need."""
    again = {found[name] for name in in_use if name in found}
    return [
        name
        for name, version in found.items()
        if name not in in_use and (version not in kept or version in again)
    ]


def _parts(
    readers: duckdb.DuckDBPyConnection, table: Table, form: Format, version: str, *, split: bool
) -> Iterator[Part]:
    """The files of a table; one that is to be split and has no row is one file, which has its columns."""
    name = quoted(table.name)
    if not split:
        [(rows,)] = readers.execute(f"SELECT count(*) FROM {name}").fetchall()
        yield Part(f"{table.name}.{form}", None, None, rows)
        return
    ranges = sqlfiles.run(readers, "exports/ranges", {"rows": ROWS_PER_FILE}, table=name).fetchall()
    for number, (first, last, rows) in enumerate(ranges or [(None, None, 0)], 1):
        # with the version, so that who lists the files through the link meets no other version's under these names
        yield Part(f"{table.name}/{number:05d}-{version}.{form}", first, last, rows)


def _rows_of(table: Table, form: Format, part: Part) -> str:
    """The query of a file's rows, in the order of the published table, users together."""
    columns = "*" if form == "parquet" else ", ".join(map(_csv_cell, table.columns))
    query = f"SELECT {columns} FROM {quoted(table.name)}"
    if part.first_user_id is not None:
        within = f"user_id BETWEEN {part.first_user_id} AND {part.last_user_id}"
        return f"{query} WHERE {within} ORDER BY user_id, rowid"
    return f"{query} ORDER BY rowid"


def _csv_cell(column: Column) -> str:
    name = quoted(column.name)
    if column.is_nested:
        return f"to_json({name})::VARCHAR AS {name}"
    if column.is_text:
        return (
            f"CASE WHEN regexp_matches({name}, {literal(_FORMULA)}) THEN '''' ELSE '' END || {name} AS {name}"
        )
    return name


def _copy(readers: duckdb.DuckDBPyConnection, query: str, file: Path, form: Format) -> None:
    file.parent.mkdir(exist_ok=True)
    readers.execute(f"COPY ({query}) TO {path_literal(file)} ({_OPTIONS[form]})")


def _write_index(
    readers: duckdb.DuckDBPyConnection, folder: Path, form: Format, parts: dict[str, list[Part]]
) -> None:
    """Which file has which users: table_name, file, first_user_id, last_user_id, rows."""
    told = [(table, *part) for table, written in parts.items() for part in written if "/" in part.file]
    columns = zip(*told, strict=True) if told else [[]] * len(_INDEX)
    index = pa.table(list(map(list, columns)), schema=_INDEX)
    readers.register("index_of_files", index)
    _copy(readers, "FROM index_of_files", folder / f"index.{form}", form)
    readers.unregister("index_of_files")


def _described(table: Table, parts: list[Part], folder: Path) -> dict[str, Any]:
    files = [
        _with_hash({name: value for name, value in part._asdict().items() if value is not None}, folder)
        for part in parts
    ]
    return {
        "rows": sum(part.rows for part in parts),
        "bytes": sum(file["bytes"] for file in files),
        "comment": table.comment,
        "key": list(table.key),
        "columns": [column._asdict() for column in table.columns],
        "files": files,
    }


def _with_hash(file: dict[str, Any], folder: Path) -> dict[str, Any]:
    path = folder / file["file"]
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return file | {"bytes": path.stat().st_size, "sha256": digest}
