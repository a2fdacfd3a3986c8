"""A copy of a home's data as it was on a day: for lists as they would have been, which nobody takes for today's."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta

import duckdb

from recengine.config import Home
from recengine.errors import BadInput, NotReady
from recengine.movielens import core_tables
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import warehouse
from recengine.warehouse.history import contents
from recengine.warehouse.transaction import transaction


def home_as_of(home: Home, day: date) -> Home:
    """A home of its own, under the home, whose warehouse has the ratings up to and with a day (UTC), and no others.

    Of two ratings of a pair the newest up to the day counts. Movies, users' attributes and the data's rules are those
    of today; what was published, tuned or counted since is not there. What an earlier call made is made anew.

    Parameters
    ----------
    home : Home
        Only its warehouse and its rules are read; whoever calls has its run lock.
    day : date
        The last day that counts.

    Raises
    ------
    NotReady
        Nothing has been ingested.
    BadInput
        The ratings have no times, or all are of later days.
    """
    if not home.warehouse.exists():
        raise NotReady(f"Nothing is loaded under {home.root} yet", "run `recengine run` first")
    with warehouse(home.warehouse) as con:
        _check(con, day)
        con.execute("CHECKPOINT")
    place = home.as_of / day.isoformat()
    shutil.rmtree(place, ignore_errors=True)
    then = Home.at(place)
    shutil.copyfile(home.warehouse, then.warehouse)
    if (home.root / "rules").is_dir():
        shutil.copytree(home.root / "rules", place / "rules")
    with warehouse(then.warehouse) as con, transaction(con):
        _cut(con, day)
    return then


def _check(con: duckdb.DuckDBPyConnection, day: date) -> None:
    [(ratings, dated, first)] = con.execute(  # what has no time is stored as of 1970
        "SELECT count(*), count(*) FILTER (epoch(rated_at) <> 0), min(rated_at) FROM core.ratings"
    ).fetchall()
    if not ratings:
        raise NotReady("Nothing is loaded yet", "run `recengine run` first")
    if dated < ratings:
        raise BadInput(
            f"{ratings - dated:,} of {ratings:,} ratings say no time, so what was known on a day cannot be told; "
            "load data whose ratings have times."
        )
    if first.date() > day:
        raise BadInput(
            f"No rating is of {day} or before; the first is of {first.date()}: give that or a later day."
        )


def _cut(con: duckdb.DuckDBPyConnection, day: date) -> None:
    """Leave out what is of later days, and count again which of a pair's ratings is the newest."""
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
    con.execute(sqlfiles.load("ingest/macros"))
    sqlfiles.run(con, "ingest/rated_twice")
    con.execute("ALTER VIEW raw.ratings RENAME TO ratings_of_all_times")
    sqlfiles.run(con, "ingest/ratings_until", end=str(int(end.timestamp())))
    core_tables.count_newest(con)
    contents.mark_changed(con, f" as of {day}")
    contents.leave_out_history(con)
    con.execute("DELETE FROM scores.origin")
