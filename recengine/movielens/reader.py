"""Source files as DuckDB table expressions, with every column named: nothing is left to be guessed.

Numbers are read as DOUBLE and made integers later, under a check, because DuckDB's reader silently rounds
``3.7`` into an integer column.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from recengine.errors import BadSource
from recengine.movielens.layouts import Layout, Role, SourceFile
from recengine.warehouse.sqlfiles import literal

# Raised when a file would be read differently than before: unchanged files are then read again.
PARSER_VERSION = 1

GENRES_OF_100K = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]

_COLUMNS: dict[tuple[str, Role], tuple[str, ...]] = {
    ("ml-100k", "ratings"): ("user_id", "movie_id", "rating", "rated_at"),
    ("ml-100k", "movies"): (
        "movie_id",
        "title",
        "released",
        "video_released",
        "imdb_url",
        *(f"flag_{i}" for i in range(len(GENRES_OF_100K))),
    ),
    ("ml-100k", "users"): ("user_id", "age", "gender", "occupation", "zip"),
    ("ml-1m", "ratings"): ("user_id", "movie_id", "rating", "rated_at"),
    ("ml-1m", "movies"): ("movie_id", "title", "genres"),
    ("ml-1m", "users"): ("user_id", "gender", "age", "occupation", "zip"),
    ("ml-10m", "ratings"): ("user_id", "movie_id", "rating", "rated_at"),
    ("ml-10m", "movies"): ("movie_id", "title", "genres"),
}

_HEADERS: dict[Role, dict[str, str]] = {
    "ratings": {"userId": "user_id", "movieId": "movie_id", "rating": "rating", "timestamp": "rated_at"},
    "movies": {"movieId": "movie_id", "title": "title", "genres": "genres"},
    "users": {"userId": "user_id", "gender": "gender", "age": "age", "occupation": "occupation"},
}

# Never stands in these files, so a whole line is one field.
_NO_DELIMITER = "\x1f"


@dataclass(frozen=True)
class Reading:
    """How one file is read.

    Attributes
    ----------
    columns : tuple[str, ...]
        Our names of the file's columns, in the file's order ("extra_3" for one we do not use).
    header : bool
        Whether the first line names the columns.
    """

    path: Path
    delimiter: str
    columns: tuple[str, ...]
    header: bool
    quote: str

    def relation(self, *, numbers: bool = False) -> str:
        """``read_csv(...)`` with all columns as DOUBLE (``numbers``) or VARCHAR; bad lines are left out."""
        kind = "DOUBLE" if numbers else "VARCHAR"
        kinds = {name: "VARCHAR" if name.startswith("extra_") else kind for name in self.columns}
        columns = ", ".join(f"{literal(name)}: '{kind}'" for name, kind in kinds.items())
        return (
            f"read_csv({literal(self.path)}, delim={literal(self.delimiter)}, header={self.header}, "
            f"auto_detect=false, quote={literal(self.quote)}, escape={literal(self.quote)}, "
            f"columns={{{columns}}}, ignore_errors=true)"
        )


def lines_of(path: Path) -> str:
    """``read_csv(...)`` of a normalised copy, each line whole in a column named ``raw``."""
    return (
        f"read_csv({literal(path)}, delim='{_NO_DELIMITER}', header=false, auto_detect=false, quote='', "
        "escape='', columns={'raw': 'VARCHAR'}, max_line_size=20000000)"
    )


def reading_of(file: SourceFile, layout: Layout, path: Path | None = None) -> Reading:
    """How to read a source file (or a normalised copy of it at ``path``).

    Raises
    ------
    BadSource
        A csv file whose header lacks a column.
    """
    path = path or file.path
    if layout.name == "csv":
        return Reading(path, ",", _columns_from_header(file), header=True, quote=_quote_of(file))
    delimiter = "\t" if (layout.name, file.role) == ("ml-100k", "ratings") else layout.delimiter
    return Reading(path, delimiter, _COLUMNS[layout.name, file.role], header=False, quote="")


def normalised(path: Path, copy: Path, *, quoted: bool = False) -> Path:
    """Write a copy as UTF-8 with ``\\n`` line ends, whatever the encoding and line ends of the original.

    Old releases are latin-1, which DuckDB refuses where a byte is 0x80-0x9F; files put together on two
    systems mix line ends, which its reader refuses too. Bytes that are not UTF-8 are taken as latin-1,
    line by line. With ``quoted``, a line with an unclosed quote is left blank, because the reader would
    let it swallow the lines up to the next quote; line numbers stay.
    """
    with path.open("rb") as source, copy.open("wb") as target:
        for number, line in enumerate(source):
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(_NO_DELIMITER.encode(), b" ")
            try:
                text.decode("utf-8")
            except UnicodeDecodeError:
                text = text.decode("latin-1").encode("utf-8")
            target.write(b"\n" if quoted and text.count(b'"') % 2 else text)
    return copy


@dataclass(frozen=True)
class FileFacts:
    """What reading a file's bytes once tells: its content hash, size, number of lines, and mixed line ends."""

    sha256: str
    bytes: int
    lines: int
    odd_line_ends: bool


def facts_of(path: Path) -> FileFacts:
    """Hash a file and count its lines (a last line without line end counts)."""
    digest, size, newlines, returns, last = hashlib.sha256(), 0, 0, 0, b"\n"
    with path.open("rb") as handle:
        while chunk := handle.read(1 << 22):
            digest.update(chunk)
            size, last = size + len(chunk), chunk[-1:]
            newlines, returns = newlines + chunk.count(b"\n"), returns + chunk.count(b"\r")
    return FileFacts(digest.hexdigest(), size, newlines + (last != b"\n"), returns not in (0, newlines))


def _columns_from_header(file: SourceFile) -> tuple[str, ...]:
    with file.path.open(encoding="utf-8-sig", errors="replace", newline="") as handle:
        header = next(csv.reader(handle), [])
    wanted = {name.lower(): ours for name, ours in _HEADERS[file.role].items()}
    columns = tuple(wanted.get(name.strip().lower(), f"extra_{i}") for i, name in enumerate(header))
    required = {"user_id"} if file.role == "users" else set(wanted.values())
    lacking = [name for name, ours in _HEADERS[file.role].items() if ours in required - set(columns)]
    if lacking:
        raise BadSource(
            file.path,
            f"the first line must name the columns {', '.join(_HEADERS[file.role])} and lacks "
            f"{', '.join(lacking)} (it reads {','.join(header)[:80]!r})",
            "add the header line",
        )
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise BadSource(file.path, f"the header names {', '.join(sorted(twice))} twice", "remove one column")
    return columns


def _quote_of(file: SourceFile) -> str:
    """Titles are quoted; ratings are only taken as quoted when their first row is.

    With quoting on, one stray ``"`` in a ratings file would swallow the rows up to the next one.
    """
    if file.role != "ratings":
        return '"'
    with file.path.open("rb") as handle:
        handle.readline()
        return '"' if b'"' in handle.readline() else ""
