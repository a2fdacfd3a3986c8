"""Source files as DuckDB table expressions, with every column named: nothing is left to be guessed.

A file is read as a whole by DuckDB's CSV reader; only one in which that leaves a line out is read again,
line by line, to find every bad line and to be sure of the good ones (see ``files.py``).

Numbers are read as DOUBLE and made integers later, under a check, because DuckDB's reader silently rounds
``3.7`` into an integer column.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from recengine.errors import BadSource
from recengine.movielens.layouts import Layout, Role, SourceFile
from recengine.warehouse.sqlfiles import literal, scan_of

# Raised when a file would be read differently than before: unchanged files are then read again.
PARSER_VERSION = 2

_NUMBERS = ("user_id", "movie_id", "rating", "rated_at")

GENRES_OF_100K = (
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
)

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

# Parts the columns where a line is wanted whole; a file that holds it would only have it shown as a space.
_NO_DELIMITER = "\x1f\x1e\x1f"
_DELIMITER_BYTE = b"\x1f"
MAX_LINE_BYTES = 20_000_000
MAX_HEADER_CHARACTERS = 10_000

# One field of a csv line that starts with a comma: quoted with doubled quotes inside, or bare.
_CSV_FIELD = ',("(?:[^"]|"")*"|[^,]*)'


@dataclass(frozen=True)
class Reading:
    """How one file is read.

    Attributes
    ----------
    columns : tuple[str, ...]
        Our names of the file's columns, in the file's order ("extra_3" for one we do not use).
    numbers : bool
        Whether the columns we use are all numbers, which is so for ratings.
    header : bool
        Whether the first line names the columns.
    quoted : bool
        Whether a field may be in double quotes.
    """

    delimiter: str
    columns: tuple[str, ...]
    numbers: bool
    header: bool
    quoted: bool

    @property
    def first_line(self) -> int:
        """The file's first data line, counted from 1."""
        return 1 + self.header

    def records_of(self, path: Path) -> str:
        """The file as a relation of our columns, DOUBLE or VARCHAR, in its order; bad lines are left out.

        Text comes with ``line``, right only when no line was left out. Ratings come without: numbering their
        rows would take as long as reading them, since only one thread can do it.
        """
        kinds = {name: "DOUBLE" if self.numbers and name in _NUMBERS else "VARCHAR" for name in self.columns}
        columns = ", ".join(f"{literal(name)}: '{kind}'" for name, kind in kinds.items())
        quote = '"' if self.quoted else ""
        numbered = "" if self.numbers else f"row_number() OVER () + {int(self.header)} AS line, "
        return (
            f"(SELECT {numbered}* FROM read_csv({scan_of(path)}, "
            f"delim={literal(self.delimiter)}, header={self.header}, auto_detect=false, quote='{quote}', "
            f"escape='{quote}', columns={{{columns}}}, ignore_errors=true))"
        )

    def fields(self) -> str:
        """SQL expression: the column ``raw``, a whole line, as a list of its fields."""
        split = f"string_split(raw, {literal(self.delimiter)})"
        if not self.quoted:
            return split
        quoted = f"regexp_extract_all(',' || raw, {literal(_CSV_FIELD)}, 1)"
        return f"CASE WHEN contains(raw, '\"') THEN {quoted} ELSE {split} END"

    def named(self) -> str:
        """SQL select list: our columns from the list ``field``, typed as in ``records_of``."""
        texts = {
            name: f"unquoted(field[{i}])" if self.quoted else f"nullif(field[{i}], '')"
            for i, name in enumerate(self.columns, 1)
            if not name.startswith("extra_")
        }
        return ", ".join(
            f"try_cast({text} AS DOUBLE) AS {name}" if self.numbers else f"{text} AS {name}"
            for name, text in texts.items()
        )

    def problem(self) -> str:
        """SQL expression over ``raw``, ``field`` and our columns: why a line cannot be split, or NULL."""
        cases = [f"WHEN len(field) <> {len(self.columns)} THEN 'unparsable'"]
        if self.quoted:
            # What a regular expression leaves over is text after a closing quote.
            left_over = "length(raw) + 1 <> list_sum(list_transform(field, lambda f: length(f) + 1))"
            cases.insert(0, "WHEN odd_quotes(raw) THEN 'unclosed quote'")
            cases.append(f"WHEN contains(raw, '\"') AND {left_over} THEN 'unparsable'")
        if self.numbers:
            broken = " OR ".join(
                f"({name} IS NULL AND coalesce(field[{i}], '') NOT IN ('', '\"\"'))"
                for i, name in enumerate(self.columns, 1)
                if name in _NUMBERS
            )
            cases.append(f"WHEN {broken} THEN 'unparsable'")
        return f"CASE {' '.join(cases)} END"


def texts_of(path: Path, skip: int = 0) -> str:
    """A plain file as a relation of ``raw``: its lines after the first few, whole, in order, blank ones too."""
    return (
        f"read_csv({scan_of(path)}, delim={literal(_NO_DELIMITER)}, header=false, auto_detect=false, "
        f"quote='', escape='', columns={{'raw': 'VARCHAR'}}, max_line_size={MAX_LINE_BYTES}, skip={skip})"
    )


def lines_of(path: Path) -> str:
    """A plain file as a relation of ``line`` (from 1, blank ones too) and ``raw``, the line whole."""
    return f"(SELECT row_number() OVER () AS line, raw FROM {texts_of(path)})"


def reading_of(file: SourceFile, layout: Layout) -> Reading:
    """How to read a source file.

    Raises
    ------
    BadSource
        A csv file whose header lacks a column or names one twice.
    """
    numbers = file.role == "ratings"
    if layout.name == "csv":
        return Reading(",", _columns_from_header(file), numbers, header=True, quoted=True)
    delimiter = "\t" if (layout.name, file.role) == ("ml-100k", "ratings") else layout.delimiter
    return Reading(delimiter, _COLUMNS[layout.name, file.role], numbers, header=False, quoted=False)


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("recengine-latin-1", _as_latin_1)


def normalised(path: Path, copy: Path) -> Path:
    """Write a copy as UTF-8 with ``\\n`` line ends, whatever the encoding and line ends of the original.

    Old releases are latin-1, which DuckDB refuses where a byte is 0x80-0x9F; files put together on two
    systems mix line ends, which its reader refuses too. Bytes that are not UTF-8 are taken as latin-1. The
    copy must not be there: nothing that exists is ever written over.
    """
    with (
        path.open(encoding="utf-8-sig", errors="recengine-latin-1") as source,
        copy.open("x", encoding="utf-8", newline="") as target,
    ):
        while text := source.read(1 << 22):
            target.write(text.replace(_NO_DELIMITER, " "))
    return copy


@dataclass(frozen=True)
class FileFacts:
    """What reading a file's bytes once tells: content hash, size, number of lines, and mixed line ends.

    ``plain`` says that its lines can be read as they are, without a normalised copy. ``stamp`` is from before
    the reading; another one afterwards says that the file was written to.
    """

    sha256: str
    bytes: int
    lines: int
    odd_line_ends: bool
    plain: bool
    stamp: tuple[int, int]


def stamp_of(path: Path) -> tuple[int, int]:
    """A file's size and time of change, the latter in nanoseconds."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def facts_of(path: Path) -> FileFacts:
    """Hash a file and count its lines (a last line without line end counts).

    ``odd_line_ends`` says that some line ends in neither ``\\n`` nor ``\\r\\n``, or that both occur; the
    number of lines is then that of the ``\\n`` only.

    Raises
    ------
    BadSource
        The file cannot be read.
    """
    digest, size, newlines, returns, pairs, last = hashlib.sha256(), 0, 0, 0, 0, b"\n"
    plain = True
    try:
        stamp = stamp_of(path)
        with path.open("rb") as handle:
            while chunk := handle.read(1 << 22):
                digest.update(chunk)
                newlines, returns = newlines + chunk.count(b"\n"), returns + chunk.count(b"\r")
                if returns:
                    pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
                plain = plain and chunk.isascii() and _DELIMITER_BYTE not in chunk
                size, last = size + len(chunk), chunk[-1:]
    except OSError as error:
        raise BadSource(
            path, f"cannot be read ({error.strerror})", "mend its permissions or its disk"
        ) from error
    odd = bool(returns) and not (pairs == newlines == returns)
    lines = newlines + (last != b"\n")
    return FileFacts(digest.hexdigest(), size, lines, odd, plain and not odd, stamp)


def _columns_from_header(file: SourceFile) -> tuple[str, ...]:
    with file.path.open(encoding="utf-8-sig", errors="replace") as handle:
        header = next(csv.reader([handle.readline(MAX_HEADER_CHARACTERS)]), [])
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
