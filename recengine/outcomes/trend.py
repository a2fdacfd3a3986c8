"""How the live hit rate goes, day by day, and whether a day is unlike those before it.

A day is expected inside the prediction interval of the ``DAYS`` before it that have outcomes: their mean rate,
give or take Student's t at ``LEVEL`` times ``sqrt(v (1 + 1 / k))``, with v the variance of the k daily rates, and
no less than a binomial of the day's rows would have (Hahn & Meeker, Statistical Intervals, 1991, ch. 4). The rows
of a list are not independent and days differ, which the spread of the days has in it and the binomial has not.
What is too small to say anything is not judged: days of fewer than ``LEAST_USERS`` users, fewer than
``LEAST_DAYS`` of them, or fewer than ``LEAST_HITS`` hits to be expected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

import duckdb
import numpy as np
from scipy import special

from recengine.warehouse import sqlfiles

DAYS = 14
LEVEL = 0.99  # about one false alarm in a hundred nights
LEAST_DAYS = 7
LEAST_USERS = 50
LEAST_HITS = 10


class Day(NamedTuple):
    """What came of all lists on a day."""

    day: date
    shown: int
    hits: int
    users: int

    @property
    def rate(self) -> float:
        """Hits of the rows shown."""
        return self.hits / self.shown


class Expected(NamedTuple):
    """Where a day's hit rate is expected."""

    mean: float
    low: float
    high: float


def days_of(
    con: duckdb.DuckDBPyConnection, dataset: str, n: int, *, least: int = 1, before: date | None = None
) -> list[Day]:
    """The newest days that have outcomes, oldest first.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    dataset : str
    n : int
        Most days.
    least : int
        Users that a day must have.
    before : date, optional
        Only earlier days; all that are over (UTC) by default.
    """
    about: dict[str, object] = {"dataset": dataset, "n": n, "least": least}
    about["before"] = before or datetime.now(UTC).date()
    return [Day(*row) for row in sqlfiles.run(con, "outcomes/days", about).fetchall()]


def expected(earlier: Sequence[Day], shown: int) -> Expected | None:
    """Where the hit rate of a day of some rows is expected after earlier days; None where they say too little."""
    if len(earlier) < LEAST_DAYS:
        return None
    rates = np.array([day.rate for day in earlier])
    mean, k = float(rates.mean()), len(rates)
    if mean * shown < LEAST_HITS:
        return None
    variance = max(float(rates.var(ddof=1)), mean * (1 - mean) / shown)
    reach = float(special.stdtrit(k - 1, (1 + LEVEL) / 2)) * math.sqrt(variance * (1 + 1 / k))
    return Expected(mean, max(mean - reach, 0.0), min(mean + reach, 1.0))


def unusual(
    con: duckdb.DuckDBPyConnection, dataset: str, counted: Sequence[date], today: date | None = None
) -> str:
    """What is unlike before on the newest day that is over, in a sentence; empty where nothing is.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    dataset : str
    counted : sequence of date
        Days that were counted now: a day is judged when ratings arrive for it, and not night after night.
    today : date, optional
        The first day that is not over (UTC).
    """
    found = days_of(con, dataset, DAYS + 1, least=LEAST_USERS, before=today)
    if not found or found[-1].day not in counted:
        return ""
    day, before = found[-1], found[:-1]
    usual = expected(before, day.shown)
    if usual is None or usual.low <= day.rate <= usual.high:
        return ""
    return (
        f"On {day.day} {day.rate:.2%} of the listed movies were rated ({day.hits:,} of {day.shown:,}), "
        f"{'less' if day.rate < usual.low else 'more'} than the {len(before)} days before let expect "
        f"({usual.low:.2%} to {usual.high:.2%})."
    )
