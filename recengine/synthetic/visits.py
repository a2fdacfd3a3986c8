"""When things happen: the calendar of a generated dataset and the visits of its users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

DAY = 86_400
NEWEST_RATING = np.datetime64("2026-06-30T20:00:00")
PERIODS = 96  # steps of the calendar in which a movie's novelty is constant
VISITS = 12  # at most, per user

_RETURNING = 0.5  # share of users who come back another day
_FASHION_SPREAD = 0.75  # of the logarithm of a movie's popularity over the years
_FASHION_KEEPS = 0.95  # from one period to the next


@dataclass(frozen=True)
class Calendar:
    """The years that the ratings span, cut into ``PERIODS`` equal periods; seconds since 1970 (UTC)."""

    start: int
    end: int

    @classmethod
    def over_years(cls, years: float) -> Calendar:
        """The calendar that ends with the newest rating and begins ``years`` before."""
        end = int(NEWEST_RATING.astype("datetime64[s]").astype(np.int64))
        return cls(start=end - int(years * 365.25 * DAY), end=end)

    @property
    def period(self) -> float:
        """Seconds of one period."""
        return (self.end - self.start) / PERIODS

    @property
    def starts(self) -> NDArray[np.float64]:
        """When each period starts, float64 of shape (PERIODS,)."""
        return self.start + self.period * np.arange(PERIODS, dtype=np.float64)

    @property
    def last_release(self) -> np.datetime64:
        """The last day a movie may be released: in the last period everything can be watched."""
        last: np.datetime64 = np.datetime64(int(self.starts[-1]) - 2 * DAY, "s").astype("datetime64[D]")
        return last


@dataclass(frozen=True)
class Visits:
    """When each of the U users comes, and how much they rate then.

    Attributes
    ----------
    period : ndarray of int64, shape (U, VISITS)
    starts_at : ndarray of int64, shape (U, VISITS)
        Seconds since 1970.
    share : ndarray of float32, shape (U, VISITS)
        Sums to 1 per user; 0 where the user has fewer visits.
    """

    period: NDArray[np.int64]
    starts_at: NDArray[np.int64]
    share: NDArray[np.float32]

    def by_period(self, users: NDArray[np.int64]) -> csr_array:
        """Share of each user's ratings by period, float32 of shape (len(users), PERIODS)."""
        ends = np.arange(0, (len(users) + 1) * VISITS, VISITS)
        parts = (self.share[users].ravel(), self.period[users].ravel(), ends)
        shares = csr_array(parts, shape=(len(users), PERIODS))
        shares.eliminate_zeros()
        return shares


def first_periods(released: NDArray[np.datetime64], calendar: Calendar) -> NDArray[np.int64]:
    """First period that starts a day or more after each release, int64 of shape (M,); 0: out before all."""
    seconds = released.astype("datetime64[s]").astype(np.int64) + DAY
    return np.searchsorted(calendar.starts, seconds)


def draw_novelty(first: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """How much each movie is watched by period: most after its release, some again later; (PERIODS, M)."""
    period = np.arange(PERIODS, dtype=np.float32)[:, None]
    age = period - np.where(first > 0, first, -PERIODS).astype(np.float32)  # (PERIODS, M)
    fade = rng.uniform(2.0, 10.0, len(first)).astype(np.float32)  # periods
    novelty = 1.0 + 6.0 * np.exp(-np.maximum(age, 0) / fade)
    fashion = rng.standard_normal(len(first), dtype=np.float32)  # wanders around 0 with unit variance
    for now in range(PERIODS):
        novelty[now] *= np.exp(_FASHION_SPREAD * fashion)
        fashion = _FASHION_KEEPS * fashion + (1 - _FASHION_KEEPS**2) ** 0.5 * rng.standard_normal(
            len(first), dtype=np.float32
        )
    return np.where(age >= 0, novelty, 0).astype(np.float32)


def draw_visits(
    counts: NDArray[np.int64], first: NDArray[np.int64], calendar: Calendar, rng: np.random.Generator
) -> Visits:
    """Arrivals spread over the calendar; half the users return, the busy ones often."""
    users = len(counts)
    returns = np.where(rng.random(users) < _RETURNING, rng.geometric(0.35, users), 0)
    number = np.minimum(1 + returns + counts // 400, VISITS)
    gaps = rng.exponential(0.07, (users, VISITS))
    gaps[:, 0] = rng.random(users)
    moment = np.cumsum(gaps, axis=1)  # as a share of the calendar
    share = rng.exponential(size=(users, VISITS))
    share[:, 0] += 1.0
    share[(moment >= 1) | (np.arange(VISITS) >= number[:, None])] = 0
    moment = np.minimum(moment, 1 - 1e-9)
    # Whoever wants more than half of what is out when they last come, comes once more in the last period.
    last = np.where(share > 0, moment, 0).max(axis=1)
    out = np.searchsorted(np.sort(first), (last * PERIODS).astype(np.int64), side="right")
    eager = counts > 0.5 * out
    moment[eager, -1] = 1 - rng.uniform(0.05, 0.95, int(eager.sum())) / PERIODS
    share[eager, -1] = 1.0
    share /= share.sum(axis=1, keepdims=True)
    starts_at = (calendar.start + moment * (calendar.end - calendar.start)).astype(np.int64)
    return Visits((moment * PERIODS).astype(np.int64), starts_at, share.astype(np.float32))
