"""Which columns a file has, from the names in its first line: the usual spellings of each.

Letters' case, blanks, dots, dashes and underscores in a name do not count. Of two columns that could both be meant,
the one whose spelling stands further to the left below is taken; the other is an extra column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from recengine.errors import BadSource
from recengine.runtime.near import meant

Role = Literal["movies", "users", "ratings"]

_USER = "userid user uid usersid customerid customer memberid member accountid profileid visitorid"
_MOVIE = "movieid movie itemid item filmid film mid iid moviesid itemsid"

# Our column -> its spellings, the usual one of MovieLens first. This is the table of docs/your-data.md.
_TABLE: dict[Role, dict[str, str]] = {
    "ratings": {
        "user_id": _USER,
        "movie_id": _MOVIE,
        "rating": "rating ratings score stars star userrating ratingvalue ratingscore",
        "rated_at": "timestamp ratedat ratingtimestamp ratingtime ratingdate unixtimestamp unixtime datetime time ts "
        "date createdat eventtime reviewtime reviewdate watchedat",
    },
    "movies": {
        "movie_id": f"{_MOVIE} id",
        "title": "title movietitle filmtitle itemtitle name moviename filmname itemname",
        "genres": "genres genre moviegenres moviegenre categories category",
        "year": "year releaseyear movieyear yearreleased releasedate released",
    },
    "users": {
        "user_id": f"{_USER} id",
        "gender": "gender sex",
        "age": "age userage",
        "occupation": "occupation job profession",
        "zip": "zip zipcode postcode postalcode",
    },
}
SPELLINGS: dict[Role, dict[str, tuple[str, ...]]] = {
    role: {column: tuple(spellings.split()) for column, spellings in columns.items()}
    for role, columns in _TABLE.items()
}

# What a file of each kind cannot do without.
NEEDED: dict[Role, tuple[str, ...]] = {
    "ratings": ("user_id", "movie_id"),
    "movies": ("movie_id", "title"),
    "users": ("user_id",),
}

# The words of dataset.toml -> our columns.
_IN_FULL = {"user": "user_id", "movie": "movie_id", "time": "rated_at"}
_USUAL = {"user_id": "userId", "movie_id": "movieId", "rated_at": "timestamp"}


def usual(column: str) -> str:
    """The name of our column in the releases' files."""
    return _USUAL.get(column, column)


def key(name: str) -> str:
    """A column's name without what does not count."""
    return re.sub(r"[\W_]+", "", name.casefold())


def columns_of(header: Sequence[str], role: Role) -> dict[str, int]:
    """Our columns -> their places in a first line, as far as it names them by a usual spelling."""
    keys = [key(name) for name in header]
    return {
        ours: keys.index(first)
        for ours, spellings in SPELLINGS[role].items()
        if (first := next((spelling for spelling in spellings if spelling in keys), None)) is not None
    }


def is_a_file_of(header: Sequence[str], role: Role) -> bool:
    """Whether a first line is that of such a file, by its columns."""
    columns = columns_of(header, role)
    foreign = {"users": "movie_id", "movies": "user_id"}.get(role)
    strange = foreign is not None and foreign in columns_of(header, "ratings")
    return all(column in columns for column in NEEDED[role]) and not strange


def is_data(header: Sequence[str]) -> bool:
    """Whether a first line holds values, not names: one of them is a number, or there is none."""
    return not any(header) or any(re.fullmatch(r"\s*[+-]?\d+([.,]\d+)?\s*", field) for field in header)


def placed(
    path: Path, role: Role, header: Sequence[str], declared: Mapping[str, str | int]
) -> dict[str, int]:
    """Our columns -> their places, from what dataset.toml says and else by the usual spellings.

    Raises
    ------
    BadSource
        A column is missing or there twice; the sentence names it.
    """
    columns = {} if any(isinstance(name, int) for name in declared.values()) else columns_of(header, role)
    for called, name in declared.items():
        columns[_IN_FULL.get(called, called)] = _place(path, header, called, name)
    taken = {_IN_FULL.get(called, called) for called in declared}
    places = {columns[column] for column in taken}
    columns = {c: place for c, place in columns.items() if c in taken or place not in places}
    twice = [c for c, place in columns.items() if [key(n) for n in header].count(key(header[place])) > 1]
    if twice and header and not is_data(header):
        raise BadSource(path, f"the header names {', '.join(sorted(twice))} twice", "remove one column")
    lacking = [usual(column) for column in NEEDED[role] if column not in columns]
    if lacking:
        raise _lacks(path, role, header, lacking)
    return columns


def _place(path: Path, header: Sequence[str], called: str, name: str | int) -> int:
    if isinstance(name, int):
        return name - 1
    for same in (str.strip, str.casefold, key):
        places = [i for i, column in enumerate(header) if same(column.strip()) == same(name.strip())]
        if places:
            return places[0]
    raise BadSource(
        path,
        f"dataset.toml says that the column {called} is {name!r}, and the first line has no such name"
        f"{meant(name, header)} (it reads {_shown(header)})",
        "mend the name in dataset.toml",
    )


def _lacks(path: Path, role: Role, header: Sequence[str], lacking: Sequence[str]) -> BadSource:
    names = ", ".join(usual(column) for column in SPELLINGS[role])
    if is_data(header):
        return BadSource(
            path,
            f"the first line must name the columns {names} and lacks {names}: it is "
            + (f"data (it reads {_shown(header)})" if any(header) else "empty"),
            "add a header line, or give the columns' places in dataset.toml",
        )
    return BadSource(
        path,
        f"the first line must name the columns {names} and lacks {', '.join(lacking)} under any usual "
        f"spelling (it reads {_shown(header)})",
        "rename the column, or say in a dataset.toml beside it which one is meant",
    )


def _shown(header: Sequence[str]) -> str:
    return repr(",".join(header)[:80])
