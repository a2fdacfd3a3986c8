"""Two versions side by side: how much of the users' lists is the same, and which movies came and went.

A version is one whose file is kept, or one whose lists alone outlived it (``outcomes.lists``).
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import duckdb
from pydantic import BaseModel

from recengine.config import Home
from recengine.errors import BadInput, NotReady
from recengine.outcomes import lists
from recengine.runtime.near import choose
from recengine.serving.versions import current_version, path_of, versions
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import damage_told, memory

# Titles of movies that no kept file has.
_UNTITLED = "SELECT NULL::BIGINT AS movie_id, NULL::VARCHAR AS title, NULL::INTEGER AS year"


class Movie(BaseModel):
    """A movie that came to the lists, or left them, and how many lists have or had it."""

    movie_id: int
    title: str | None
    year: int | None
    users: int


class Difference(BaseModel):
    """What differs between two versions.

    Attributes
    ----------
    before, after : str
        The versions.
    rows : int
        How many rows of each list were compared: as many as the version with the shorter lists has.
    users_before, users_after, users_in_both : int
        Users with a list.
    users_changed, users_reordered : int
        Of those in both: with another movie, and with the same ones in another order.
    overlap : float or None
        Mean share of a user's movies that are in both lists; None where no user is in both.
    movies_in, movies_out : int
        Movies in some list now and in none before, and the other way round.
    came, went : list of Movie
        Those of them that are in most lists.
    """

    before: str
    after: str
    rows: int
    users_before: int
    users_after: int
    users_in_both: int
    users_changed: int
    users_reordered: int
    overlap: float | None
    movies_in: int
    movies_out: int
    came: list[Movie]
    went: list[Movie]


def compare(home: Home, before: str | None = None, after: str | None = None, movies: int = 10) -> Difference:
    """Compare two versions; the newest two when none is named, one with what readers see.

    Parameters
    ----------
    home : Home
    before, after : str, optional
        Versions.
    movies : int
        Most movies to name in ``came`` and in ``went``.

    Raises
    ------
    NotReady
        There is nothing to compare with.
    BadInput
        There is no such version.
    """
    before, after = _chosen(home, before, after)
    with memory() as con, ExitStack() as damage:
        titles = [_UNTITLED]
        for name, version in (("after", after), ("before", before)):
            if version in versions(home):
                damage.enter_context(damage_told(path_of(home, version)))
            titles += _open(con, home, name, version)
        [(rows,)] = sqlfiles.run(con, "diff/rows").fetchall()
        users = sqlfiles.run(con, "diff/users", {"n": rows})
        counts = dict(
            zip((column[0] for column in users.description or ()), users.fetchall()[0], strict=True)
        )
        moved = sqlfiles.run(con, "diff/movies", {"n": rows}, movies=" UNION ALL ".join(titles)).fetchall()
    came, went = ([_movie(row) for row in moved if row[3] == is_in] for is_in in (True, False))
    totals: dict[str, Any] = {"movies_in": len(came), "movies_out": len(went)}
    shown: dict[str, Any] = {"came": came[:movies], "went": went[:movies]}
    return Difference(before=before, after=after, rows=rows, **counts, **totals, **shown)


def _chosen(home: Home, before: str | None, after: str | None) -> tuple[str, str]:
    known = sorted({*versions(home), *lists.kept(home)})
    for version in (before, after):
        if version is not None and version not in known:
            raise BadInput(f"There is no version {version!r}; {choose(version, known)}")
    if not known:
        raise NotReady("Nothing is published yet", "run `recengine run` first")
    if len(known) < 2:
        raise NotReady(f"{known[0]} is the only version", "publish another one to compare it with")
    if before is None:
        return known[-2], known[-1]
    after = after or current_version(home) or known[-1]
    if before == after:
        raise BadInput(f"{before} would be compared with itself; name another one: {', '.join(known)}.")
    return before, after


def _open(con: duckdb.DuckDBPyConnection, home: Home, name: str, version: str) -> list[str]:
    """Make the view ``lists_<name>`` of a version; the table of its movies, where its file is kept."""
    view = f"lists_{name}"
    if version in versions(home):
        con.execute(f"ATTACH {sqlfiles.path_literal(path_of(home, version))} AS file_{name} (READ_ONLY)")
        sqlfiles.run(con, "diff/lists_published", view=view, file=f"file_{name}")
        return [f"SELECT movie_id, title, year FROM file_{name}.movies"]
    path = lists.sound(home, version)
    if path is None:
        raise BadInput(f"The lists of version {version} are damaged; compare with another version.")
    sqlfiles.run(con, "diff/lists_kept", view=view, records=f"read_parquet({sqlfiles.scan_of(path)})")
    return []


def _movie(row: tuple[Any, ...]) -> Movie:
    movie_id, title, year, _, users = row
    return Movie(movie_id=movie_id, title=title, year=year, users=users)
