"""Source files as DuckDB table expressions, with every column named: nothing is left to be guessed.

A file is read as a whole by DuckDB's CSV reader; only one in which that leaves a line out is read again, record by
record, to find every bad one and to be sure of the good ones (see ``files.py``).

Numbers are read as DOUBLE and made integers later, under a check, because DuckDB's reader silently rounds
``3.7`` into an integer column.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recengine.movielens.copies import LINE_BREAK, NO_DELIMITER, OVERLONG
from recengine.movielens.facts import MAX_LINE_BYTES
from recengine.warehouse.sqlfiles import literal, scan_of

Time = Literal["seconds", "milliseconds", "microseconds", "nanoseconds", "text"]
PER_SECOND: dict[Time, float] = {"seconds": 1, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}

_NUMBERS = ("user_id", "movie_id", "rating", "rated_at")
IDS = ("user_id", "movie_id")


@dataclass(frozen=True)
class Reading:
    """How one file is read.

    Attributes
    ----------
    columns : tuple[str, ...]
        Our names of the file's columns, in the file's order ("extra_3" for one we do not use, "further_1" for the
        first of ``further``).
    numbers : bool
        Whether the columns we use are all numbers or times, which is so for ratings.
    header : bool
        Whether a first line names the columns.
    quoted : bool
        Whether a field may be in double quotes.
    skipped : int
        Lines before the header: Excel's ``sep=;``.
    encoding : str, optional
        The encoding where it is neither UTF-8 nor latin-1.
    time : str
        What the times are written in.
    decimal_comma : bool
        Whether ratings are written like ``3,5``.
    further : tuple[str, ...]
        The file's names of the columns that are attributes or categories.
    list_separator : str
        What parts genres and categories.
    titles : tuple of pairs
        Our columns -> the file's names of them.
    header_names : tuple[str, ...]
        The fields of the first line.
    text_ids : frozenset[str]
        Which of user_id and movie_id are text: read as ``key_of`` in ``ingest/macros.sql`` says.
    """

    delimiter: str
    columns: tuple[str, ...]
    numbers: bool
    header: bool
    quoted: bool
    skipped: int = 0
    encoding: str | None = None
    time: Time = "seconds"
    decimal_comma: bool = False
    further: tuple[str, ...] = ()
    list_separator: str = "|"
    titles: tuple[tuple[str, str], ...] = ()
    header_names: tuple[str, ...] = ()
    text_ids: frozenset[str] = frozenset()

    @property
    def first_line(self) -> int:
        """The file's first data line, counted from 1."""
        return 1 + self.header + self.skipped

    @property
    def undated(self) -> bool:
        """Whether these are ratings without times."""
        return self.numbers and "rated_at" not in self.columns

    @property
    def whole(self) -> frozenset[int]:
        """The places of the columns that cannot hold a line break."""
        kept = _NUMBERS if self.numbers else IDS
        return frozenset(i for i, name in enumerate(self.columns) if name in kept)

    def records_of(self, path: Path) -> str:
        """The file as a relation of our columns, DOUBLE or VARCHAR, in its order; bad lines are left out.

        Text comes with ``line``, right only when no line was left out. Ratings come without: numbering their
        rows would take as long as reading them, since only one thread can do it.
        """
        doubles = {name for name in _NUMBERS if self.numbers and (name != "rated_at" or self.time != "text")}
        kinds = {name: "DOUBLE" if name in doubles else "VARCHAR" for name in self.columns}
        columns = ", ".join(f"{literal(name)}: '{kind}'" for name, kind in kinds.items())
        quote = '"' if self.quoted else ""
        comma = ", decimal_separator=','" if self.decimal_comma else ""
        seconds = self._seconds("rated_at", "rated_at")
        rating = "rating" if "rating" in self.columns else "1::DOUBLE AS rating"
        chosen = (
            f"user_id, movie_id, {rating}, {seconds} AS rated_at"
            if self.numbers
            else f"row_number() OVER () + {self.first_line - 1} AS line, *"
        )
        return (
            f"(SELECT {chosen} FROM read_csv({scan_of(path)}, "
            f"delim={literal(self.delimiter)}, header={self.header}, skip={self.skipped}, auto_detect=false, "
            f"quote='{quote}', escape='{quote}', columns={{{columns}}}, ignore_errors=true{comma}))"
        )

    def _seconds(self, number: str, text: str) -> str:
        """SQL expression: the time in seconds, from it as a number or as text."""
        if "rated_at" not in self.columns:
            return "0::DOUBLE"
        if self.time == "text":
            return f"seconds_of({text})"
        return number if self.time == "seconds" else f"floor({number} / {PER_SECOND[self.time]})"

    def fields(self) -> str:
        """SQL expression: the column ``raw``, a whole line, as a list of its fields."""
        split = f"string_split(raw, {literal(self.delimiter)})"
        if not self.quoted:
            return split
        delimiter = f"\\x{{{ord(self.delimiter):x}}}"
        # One field of a line that starts with a delimiter: quoted with doubled quotes inside, or bare.
        field = f'{delimiter}("(?:[^"]|"")*"|[^{delimiter}]*)'
        quoted = f"regexp_extract_all({literal(self.delimiter)} || raw, {literal(field)}, 1)"
        return f"CASE WHEN contains(raw, '\"') THEN {quoted} ELSE {split} END"

    def text(self, name: str) -> str:
        """SQL expression: the text of a column of ours in the list ``field``, NULL when empty."""
        at = self.columns.index(name) + 1
        return f"unquoted(field[{at}])" if self.quoted else f"nullif(field[{at}], '')"

    def named(self) -> str:
        """SQL select list: our columns from the list ``field``, typed as ``raw.<role>`` wants them."""
        used = [name for name in self.columns if not name.startswith("extra_")]
        if not self.numbers:
            # Ids of text are numbers from here on, which the rest reads as such.
            return ", ".join(
                f"{f'key_of({self.text(name)})::VARCHAR' if name in self.text_ids else self.text(name)} AS {name}"
                for name in used
            )
        rating = f"number(point({self.text('rating')}))" if "rating" in used else "1::DOUBLE"
        time = self.text("rated_at") if "rated_at" in used else "NULL"
        return (
            f"{self._id('user_id')} AS user_id, {self._id('movie_id')} AS movie_id, "
            f"{rating} AS rating, {self._seconds(f'number({time})', time)} AS rated_at"
        )

    def _id(self, name: str) -> str:
        return f"{'key' if name in self.text_ids else 'id'}_of({self.text(name)})"

    def problem(self) -> str:
        """SQL expression over ``raw``, ``field`` and our columns: why a line cannot be split, or NULL."""
        broken = [f"len(field) <> {len(self.columns)}"]
        if self.quoted:
            # What a regular expression leaves over is text after a closing quote.
            left_over = "length(raw) + 1 <> list_sum(list_transform(field, lambda f: length(f) + 1))"
            broken.append(f"contains(raw, '\"') AND ({left_over} OR unclosed(field))")
        if self.numbers:
            broken += [f"({self._is_no_number(name)})" for name in _NUMBERS if name in self.columns]
        quote = "CASE WHEN odd_quotes(raw) THEN 'unclosed quote' ELSE 'unparsable' END"
        cases = [
            f"WHEN starts_with(raw, {literal(OVERLONG)}) THEN 'line too long'",
            f"WHEN {' OR '.join(broken)} THEN {quote if self.quoted else literal('unparsable')}",
        ]
        if self.numbers:
            for name in IDS:
                if name not in self.text_ids:
                    text = self.text(name)
                    cases.append(f"WHEN {name} IS NULL AND {text} IS NOT NULL THEN id_problem({text})")
        return f"CASE {' '.join(cases)} END"

    def _is_no_number(self, name: str) -> str:
        """SQL expression: a column of ratings has text that is nothing of its kind."""
        text = self.text(name)
        if name in self.text_ids:
            return "false"
        if name in IDS:
            return f"{text} IS NOT NULL AND number({text}) IS NULL"
        return f"{text} IS NOT NULL AND {name} IS NULL"


def texts_of(path: Path, skip: int = 0) -> str:
    """A plain file as a relation of ``raw``: its lines after the first few, whole, in order, blank ones too."""
    return (
        f"read_csv({scan_of(path)}, delim={literal(NO_DELIMITER)}, header=false, "
        f"auto_detect=false, quote='', escape='', columns={{'raw': 'VARCHAR'}}, "
        f"max_line_size={MAX_LINE_BYTES}, skip={skip})"
    )


def lines_of(path: Path) -> str:
    """A plain file as a relation of ``line`` (from 1, blank ones too) and ``raw``, the line whole."""
    return f"(SELECT row_number() OVER () AS line, raw FROM {texts_of(path)})"


def shown(raw: str) -> str:
    """SQL expression: a line as quarantine shows it."""
    broken = f"replace({raw}, {literal(LINE_BREAK)}, chr(10))"
    return f"left(replace({broken}, {literal(OVERLONG)}, ''), 2000)"
