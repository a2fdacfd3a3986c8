"""The beginning of a source file: its encoding, its first line, its columns where it is Parquet."""

from __future__ import annotations

import codecs
import csv
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recengine.errors import BadSource
from recengine.movielens.copies import opened

HEAD_BYTES = 1 << 16
MAX_HEADER_CHARACTERS = 10_000
SEPARATORS = (",", ";", "\t", "|")
_MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its name."""
    return path.suffix.lower() in (".parquet", ".pq")


def first_line(path: Path) -> list[str]:
    """The names of a file's columns, or the fields of its first line, by the separator that makes the most of it."""
    if is_parquet(path):
        return [name for name, _ in parquet_columns(path)]
    lines = head_of(path).splitlines()
    return max((split_fields(lines[0], separator) for separator in SEPARATORS), key=len) if lines else []


def head_of(path: Path, encoding: str | None = None) -> str:
    """The beginning of a text file, decoded, with ``\\n`` line ends; the last line may be cut off."""
    head = bytes_of(path)
    text = head.decode(encoding or encoding_of(head) or "utf-8", errors="replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def encoding_of(head: bytes) -> str | None:
    """An encoding of more than one byte a letter, by its mark or by the zeros between Latin letters."""
    marked = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    if marked or len(head) < 4:
        return marked
    for encoding, zeros, letters in (
        ("utf-16-le", head[1:64:2], head[0:64:2]),
        ("utf-16-be", head[0:64:2], head[1:64:2]),
    ):
        if not any(zeros) and all(letters):
            return encoding
    return None


def parquet_columns(path: Path) -> list[tuple[str, str]]:
    """Name and type of each column of a Parquet file; a list's type ends in ``[]``."""
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        problem = " ".join(str(error).split())[:200]
        raise BadSource(path, f"cannot be read as Parquet ({problem})", "write it again") from error
    return [(field.name, "text[]" if _is_list(field.type) else str(field.type)) for field in schema]


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def bytes_of(path: Path) -> bytes:
    """The first bytes of a file, unpacked.

    Raises
    ------
    BadSource
        It cannot be read.
    """
    try:
        with opened(path) as handle:
            return handle.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise BadSource(path, f"cannot be read ({error})", "mend the file or its permissions") from error


def split_fields(line: str, separator: str) -> list[str]:
    """The fields of a line of names."""
    line = line[:MAX_HEADER_CHARACTERS]
    if len(separator) > 1:
        return line.split(separator)
    return [field.strip() for field in next(csv.reader([line], delimiter=separator), [])]
