"""A source file as text that DuckDB can read: the file itself where possible, else a copy in a scratch folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import duckdb

from recengine.movielens.copies import by_record, decoded, written_out
from recengine.movielens.facts import FileFacts, facts_of
from recengine.movielens.heads import HEAD_BYTES, is_parquet, parquet_columns
from recengine.movielens.records import Reading
from recengine.movielens.source import SourceFile


def plain_text(
    con: duckdb.DuckDBPyConnection, file: SourceFile, reading: Reading, facts: FileFacts, scratch: Path
) -> tuple[Path, FileFacts]:
    """The file as text in UTF-8 or latin-1: itself, or a copy of a packed, Parquet or otherwise encoded one."""
    copy = copy_of(file, scratch, "text")
    if not is_parquet(file.path) and not reading.encoding and not file.path.name.lower().endswith(".gz"):
        return file.path, facts
    if copy.exists():
        return copy, facts_of(copy)
    if is_parquet(file.path):
        kinds = dict(parquet_columns(file.path))
        names = dict(reading.titles) | {f"further_{i}": name for i, name in enumerate(reading.further)}
        used = [names[column] for column in reading.columns if column in names]
        written_out(con, file.path, [(name, kinds[name]) for name in used], copy)
    else:
        decoded(file.path, reading.encoding, copy)
    return copy, facts_of(copy)


def copy_of(file: SourceFile, scratch: Path, what: str) -> Path:
    """Where a copy of a source file goes: in ``scratch``, whatever the file's own name."""
    return scratch / f"{hashlib.sha256(os.fsencode(file.name)).hexdigest()[:16]}.{what}"


def is_read_whole(reading: Reading, path: Path, text: FileFacts) -> bool:
    """Whether DuckDB's reader is sure to agree with reading record by record, if it leaves no line out."""
    if text.odd_line_ends or text.overlong or reading.text_ids:
        return False
    quotes = reading.quoted and text.quotes
    if not reading.numbers:
        return not quotes
    with path.open("rb") as handle:
        names = b"".join(handle.readline(HEAD_BYTES) for _ in range(reading.first_line - 1))
    # 1_000 is a number to DuckDB and to nobody else.
    return text.underscores == names.count(b"_") and (not quotes or text.quotes_at_edges)


def by_record_of(
    file: SourceFile, reading: Reading, path: Path, text: FileFacts, scratch: Path
) -> tuple[Path, int]:
    """The file, or a copy, with one record a line; and how many lines that has."""
    quotes = reading.quoted and text.quotes
    if text.plain and not quotes:
        return path, text.lines
    copy = copy_of(file, scratch, "records")
    if not copy.exists():
        delimiter = reading.delimiter if reading.quoted else ""
        by_record(path, delimiter, len(reading.columns), reading.whole, copy)
    return copy, facts_of(copy).lines
