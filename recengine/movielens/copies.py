"""Copies of source files that DuckDB reads one record a line: unpacked, decoded, line ends and quotes put right."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

import duckdb

from recengine.errors import BadSource
from recengine.movielens.facts import MAX_LINE_BYTES
from recengine.warehouse.sqlfiles import path_literal, scan_of

# Parts the columns where a line is wanted whole; a file that holds one of these would have it shown as a space.
NO_DELIMITER = "\x1f\x1e\x1f"
LINE_BREAK = "\x1e\x1c\x1e"  # stands for a line break inside a record
OVERLONG = "\x1e\x1d\x1e"  # begins what is left of a line that was too long
_OURS = (NO_DELIMITER, LINE_BREAK, OVERLONG)

SHOWN_CHARACTERS = 2_000
# A quote that is not closed within this is not closed at all.
MAX_RECORD_LINES, MAX_RECORD_CHARACTERS = 1_000, 1_000_000

_CHUNK = 1 << 22


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("recengine-latin-1", _as_latin_1)


def opened(path: Path) -> BinaryIO | gzip.GzipFile:
    """A source file's bytes, unpacked if its name says that they are packed."""
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def normalised(path: Path, copy: Path) -> Path:
    """Write a copy as UTF-8 with ``\\n`` line ends, whatever the encoding and line ends of the original.

    Old releases are latin-1, which DuckDB refuses where a byte is 0x80-0x9F; files put together on two
    systems mix line ends, which its reader refuses too. Bytes that are not UTF-8 are taken as latin-1.
    """
    with (
        path.open(encoding="utf-8-sig", errors="recengine-latin-1") as source,
        copy.open("x", encoding="utf-8", newline="") as target,
    ):
        while text := source.read(_CHUNK):
            target.write(_cleaned(text))
    return copy


def decoded(path: Path, encoding: str | None, copy: Path) -> Path:
    """Write a copy of a packed or otherwise encoded file as UTF-8, with its own line ends.

    Raises
    ------
    BadSource
        The file is damaged, or not written in that encoding.
    """
    try:
        with opened(path) as source, copy.open("xb") as target:
            decoder = codecs.getincrementaldecoder(encoding)() if encoding else None
            while chunk := source.read(_CHUNK):
                target.write(decoder.decode(chunk).encode() if decoder else chunk)
            if decoder:
                target.write(decoder.decode(b"", final=True).encode())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadSource(path, f"is a damaged gzip file ({error})", "fetch or write it again") from error
    except UnicodeDecodeError as error:
        raise BadSource(
            path, f"is not written in {encoding} ({error.reason})", "say its encoding in a dataset.toml"
        ) from error
    return copy


def written_out(
    con: duckdb.DuckDBPyConnection, path: Path, columns: list[tuple[str, str]], copy: Path
) -> Path:
    """Write columns of a Parquet file as csv without header, a line per row; lists are joined by ``|``.

    Raises
    ------
    BadSource
        The file is damaged.
    """
    chosen = ", ".join(_as_text(name, kind) for name, kind in columns)
    # A line of one empty column would be a blank line, which is none.
    query = f"SELECT {chosen}, '-' FROM read_parquet({scan_of(path)}, binary_as_string = true)"
    try:
        con.execute(f"COPY ({query}) TO {path_literal(copy)} (FORMAT csv, HEADER false)")
    except duckdb.Error as error:
        problem = " ".join(str(error).split())[:200]
        raise BadSource(path, f"cannot be read as Parquet ({problem})", "write it again") from error
    return copy


def _as_text(name: str, kind: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    return f"array_to_string({column}, '|')" if kind.endswith("[]") else f"{column}::VARCHAR"


def by_record(path: Path, delimiter: str, columns: int, whole: frozenset[int], copy: Path) -> Path:
    """Write a normalised copy with one record a line, although quoted fields of the original hold line breaks.

    A record of three lines becomes one, with ``LINE_BREAK`` for its breaks, and two blank ones, so that every record
    stays on the line where it begins. A quote that opens a field and is not closed as csv wants it costs its line
    only. Of an overlong line the beginning is kept, marked.

    Parameters
    ----------
    columns : int
        How many fields a record has; lines are joined only if that makes one of so many.
    whole : frozenset[int]
        The places of fields that cannot hold a line break, such as ids.
    """
    with (
        path.open(encoding="utf-8-sig", errors="recengine-latin-1") as source,
        copy.open("x", encoding="utf-8", newline="") as target,
    ):
        lines, waiting = _lines(source), deque[str]()
        while (line := waiting.popleft() if waiting else next(lines, None)) is not None:
            joined = [line]
            if delimiter and '"' in line and not line.startswith(OVERLONG):
                joined = _record(line, lines, waiting, _Shape(delimiter, columns, whole))
            target.write(LINE_BREAK.join(joined) + "\n" * len(joined))
    return copy


def _lines(source: TextIO) -> Iterator[str]:
    """The lines without their ends; an overlong one cut and marked, without ever being held whole."""
    while line := source.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES and line[-1] != "\n":
            kept = _cleaned(line[:SHOWN_CHARACTERS])
            while line and line[-1] != "\n":
                line = source.readline(_CHUNK)
            yield OVERLONG + kept
        else:
            yield _cleaned(line.removesuffix("\n"))


def _cleaned(text: str) -> str:
    for ours in _OURS:
        text = text.replace(ours, " ")
    return text


class _Shape:
    """What a record must look like, and the state of one that is being read line by line."""

    def __init__(self, delimiter: str, columns: int, whole: frozenset[int]) -> None:
        self.delimiter, self.columns, self.whole = delimiter, columns, whole
        self.field, self.quoted = 0, False

    def takes(self, line: str) -> bool | None:
        """Read the record's next line: True when the record ends with it, False when it goes on, None if broken."""
        at = 0
        while True:
            if self.quoted or line.startswith('"', at):
                at = _end_of_quotes(line, at if self.quoted else at + 1)
                self.quoted = at < 0
                if self.quoted:
                    return None if self.field in self.whole else False
                if at < len(line) and not line.startswith(self.delimiter, at):
                    return None  # text after the closing quote
            else:
                at = line.find(self.delimiter, at)
            if not 0 <= at < len(line):
                return True
            at, self.field = at + len(self.delimiter), self.field + 1


def _end_of_quotes(line: str, at: int) -> int:
    """The place after the quote that closes a field, -1 where none does; doubled ones are text."""
    while (at := line.find('"', at)) >= 0:
        if not line.startswith('"', at + 1):
            return at + 1
        at += 2
    return -1


def _record(line: str, lines: Iterator[str], waiting: deque[str], shape: _Shape) -> list[str]:
    """The lines of the record that begins with this one; those that were looked at in vain wait for their turn."""
    joined, length, state = [line], len(line), shape.takes(line)
    while state is False and len(joined) < MAX_RECORD_LINES and length < MAX_RECORD_CHARACTERS:
        following = waiting.popleft() if waiting else next(lines, None)
        if following is None:
            break
        joined.append(following)
        length += len(following)
        state = None if following.startswith(OVERLONG) else shape.takes(following)
    if state and (len(joined) == 1 or shape.field + 1 == shape.columns):
        return joined
    waiting.extendleft(reversed(joined[1:]))
    return joined[:1]
