"""How each file of a source is read: its columns, and whatever differs from one program that wrote it to another.

DuckDB's own detection is not asked: it is silent where it is wrong. Names decide about columns, and all values about
what they are written in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from recengine.errors import BadSource
from recengine.movielens.copies import normalised
from recengine.movielens.description import Movies, Section, Users
from recengine.movielens.facts import FileFacts, facts_of, stamp_of
from recengine.movielens.heads import (
    MAX_HEADER_CHARACTERS,
    SEPARATORS,
    bytes_of,
    encoding_of,
    head_of,
    is_parquet,
    parquet_columns,
    split_fields,
)
from recengine.movielens.records import Reading, lines_of, texts_of
from recengine.movielens.source import Layout, SourceFile
from recengine.movielens.spellings import Role, columns_of, placed
from recengine.runtime.near import meant

__all__ = [
    "PARSER_VERSION",
    "FileFacts",
    "Reading",
    "facts_of",
    "lines_of",
    "normalised",
    "reading_of",
    "stamp_of",
    "texts_of",
]

# Raised when a file would be read differently than before: unchanged files are then read again.
PARSER_VERSION = 3

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

_SEPARATOR_LINE = re.compile(r"sep=(.)", re.IGNORECASE)  # Excel's own first line


def reading_of(file: SourceFile, layout: Layout) -> Reading:
    """How to read a source file, from its first lines.

    Raises
    ------
    BadSource
        A column is missing or there twice, or the file is damaged.
    """
    if (layout.name, file.role) in _COLUMNS:
        return _fixed(file, layout)
    if is_parquet(file.path):
        return _of_parquet(file)
    return _of_text(file)


def _fixed(file: SourceFile, layout: Layout) -> Reading:
    columns = _COLUMNS[layout.name, file.role]
    delimiter = "\t" if (layout.name, file.role) == ("ml-100k", "ratings") else layout.delimiter
    encoding = encoding_of(bytes_of(file.path))
    if (layout.name, file.role) == ("ml-1m", "users"):
        # Releases in ml-1m's layout by others know less of their users.
        fields = len(head_of(file.path, encoding).partition("\n")[0].split(delimiter))
        columns = columns[:fields] if fields > 2 else ("user_id", *("extra_2",) * (fields - 1))
    return Reading(delimiter, columns, file.role == "ratings", False, False, encoding=encoding)


def _of_parquet(file: SourceFile) -> Reading:
    names = [name for name, _ in parquet_columns(file.path)]
    reading = _with_columns(Reading(",", (), file.role == "ratings", False, True), file, names)
    # Only the columns that are used are written out, and one more (see copies.written_out).
    used = tuple(name for name in reading.columns if not name.startswith("extra_"))
    return replace(reading, columns=(*used, "extra_0"))


def _of_text(file: SourceFile) -> Reading:
    section = file.section
    encoding = (section and section.encoding) or encoding_of(bytes_of(file.path))
    lines = head_of(file.path, encoding)[: MAX_HEADER_CHARACTERS + 1].split("\n")
    hint = _SEPARATOR_LINE.fullmatch(lines[0])
    if hint and len(lines) > 1:
        lines = lines[1:]
    declared = {} if section is None else section.columns.declared
    separator = (
        (section and section.separator) or (hint and hint[1]) or _separator(lines[0], file.role, declared)
    )
    by_place = any(isinstance(name, int) for name in declared.values())
    reading = Reading(
        separator,
        (),
        file.role == "ratings",
        header=not by_place,
        quoted=len(separator) == 1,
        skipped=int(hint is not None),
        encoding=encoding if encoding not in ("utf-8", "utf-8-sig", "ascii") else None,
    )
    return _with_columns(reading, file, split_fields(lines[0], separator))


def _separator(line: str, role: Role, declared: Mapping[str, str | int]) -> str:
    """The separator under which the first line names the most of our columns, or has the most fields."""

    def matches(separator: str) -> tuple[int, int]:
        header = split_fields(line, separator)
        named = len(set(declared.values()) & set(header))
        return named + len(columns_of(header, role)), len(header)

    return max(SEPARATORS, key=matches)


def _with_columns(reading: Reading, file: SourceFile, header: list[str]) -> Reading:
    section = file.section
    declared = {} if section is None else section.columns.declared
    places = placed(file.path, file.role, header, declared)
    further = _further(section)
    if section is not None:
        missing = [name for name in further if name not in header]
        if missing:
            raise BadSource(
                file.path,
                f"dataset.toml names the column {missing[0]!r} and the first line has no such name"
                f"{meant(missing[0], header)} (it reads {','.join(header)[:80]!r})",
                "mend the name in dataset.toml",
            )
    names = {place: column for column, place in places.items()}
    names |= {header.index(name): f"further_{i}" for i, name in enumerate(further)}
    width = max(len(header), *(place + 1 for place in places.values()))
    columns = tuple(names.get(i, f"extra_{i + 1}") for i in range(width))
    titles = tuple((c, header[at] if at < len(header) else str(at + 1)) for c, at in places.items())
    separator = section.genre_separator if isinstance(section, Movies) else "|"
    return replace(
        reading,
        columns=columns,
        further=further,
        list_separator=separator,
        titles=titles,
        header_names=tuple(header),
    )


def _further(section: Section | None) -> tuple[str, ...]:
    if isinstance(section, Movies):
        return section.categories
    return section.attributes if isinstance(section, Users) else ()


def refuse_mixed(readings: Mapping[str, Reading]) -> None:
    """Refuse ratings files some of which have ratings and some of which only say who took what.

    Raises
    ------
    BadSource
        The sentence names one of those without.
    """
    without = sorted(name for name, reading in readings.items() if "rating" not in reading.columns)
    if without and len(without) < len(readings):
        other = min(set(readings) - set(without))
        raise BadSource(
            without[0],
            f"has no column of ratings, and {other} has one",
            "load files of one kind, or name the column",
        )
