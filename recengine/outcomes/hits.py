"""What came of the lists: the ratings that arrived, joined with the lists that were live when they were made.

There is no log of who saw which list, so a hit is a rating of a listed movie while the list was live, whatever led to
it: a trend to watch, and no bound of anything. The figures are kept as sums by version, variant, day and rank
(``ops.outcomes``); only days for which ratings arrived since are counted, so that a night costs its own ratings.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import NamedTuple

import duckdb

from recengine.config import Home
from recengine.outcomes import lists
from recengine.warehouse import sqlfiles
from recengine.warehouse.history import outcomes
from recengine.warehouse.transaction import transaction

log = logging.getLogger(__name__)


class Live(NamedTuple):
    """A time that a version's lists were live: from ``since`` to before ``until``, UTC without a zone."""

    version: str
    since: datetime
    until: datetime


def count(
    con: duckdb.DuckDBPyConnection, home: Home, dataset: str, now: datetime | None = None
) -> list[date]:
    """Count the days for which ratings arrived since the last count, in one transaction; which they were.

    Counting again changes nothing; what a killed count did is undone. A day is counted anew for the versions whose
    lists are kept; what was counted for others stays.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    home : Home
        Whose kept lists.
    dataset : str
        Name of the data that the warehouse holds: lists of another have other users.
    now : datetime, optional
        Ratings of a later time wait for a later count; UTC without a zone.
    """
    now = now or datetime.now(UTC).replace(tzinfo=None)
    live = [Live(*row) for row in _windows(con, home, dataset)]
    if not live:
        return []
    first = live[0].since
    since = {"since": first, "now": now, "dataset": dataset}
    changed = sqlfiles.run(con, "outcomes/changed_days", since).fetchall()
    days = [day for day, _, _ in changed]
    if not days:
        return []
    with transaction(con):
        for version in dict.fromkeys(one.version for one in live):
            times = [one for one in live if one.version == version]
            _count_version(con, home, dataset, times, days, now)
        outcomes.note_days(con, dataset, changed)
    log.info("outcomes: ratings of %s days were joined with the lists of their time", f"{len(days):,}")
    return days


def _windows(
    con: duckdb.DuckDBPyConnection, home: Home, dataset: str
) -> Iterable[tuple[str, datetime, datetime]]:
    about: dict[str, object] = {"kept": lists.kept(home), "dataset": dataset}
    return sqlfiles.run(con, "outcomes/windows", about).fetchall()


def _count_version(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    dataset: str,
    times: list[Live],
    days: list[date],
    now: datetime,
) -> None:
    """Count some days of one version's lists anew; not where they were live on none, or are damaged."""
    version = times[0].version
    touched = [day for day in days if any(one.since.date() <= day <= one.until.date() for one in times)]
    path = lists.sound(home, version) if touched else None
    if path is None:
        return
    about: dict[str, object] = {
        "dataset": dataset,
        "version": version,
        "since": [one.since for one in times],
        "until": [one.until for one in times],
        "days": touched,
        "first": touched[0],
        "now": now,
    }
    outcomes.count(con, path, about)
