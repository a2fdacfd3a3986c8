"""Who rates which movie, and when.

A user u watches movie m with weight ``popularity(m) * exp(taste(u) . taste(m)) * novelty(m, when u visits)``.
The user's n movies are those that win an exponential race, the n smallest of ``Exp(1) / weight``: weighted
sampling without replacement (Efraimidis and Spirakis 2006). Popularities are fitted beforehand, so that the
number of ratings per movie follows the published shape of the MovieLens releases.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from recengine.movielens.population import Movies

DAY = 86_400
NEWEST_RATING = np.datetime64("2026-06-30T20:00:00")
PERIODS = 96  # steps of the calendar in which a movie's novelty is constant
MIN_RATINGS_PER_USER = 20  # in every release
VISITS = 12  # at most, per user

_TOP_MOVIE_SHARE = 0.55  # of users who rate the most rated movie: .62 in ml-100k, .57 in ml-1m, .50 in ml-25m
_TOP_USER_SHARE = 0.55  # of movies the busiest user rates: .44 in ml-100k, .55 in ml-25m
_HEAD_CURVE = 0.72  # bend of the popularity curve's head, fitted to ml-100k and ml-25m
_USER_SPREAD = 1.5  # of the logarithm of ratings per user
_FASHION_SPREAD = 0.9  # of the logarithm of a movie's popularity over the years
_FASHION_KEEPS = 0.95  # from one period to the next
_RETURNING = 0.5  # share of users who come back another day
_BLOCK = 2**20  # users x movies of one block: a few matrices of 4 MB
_SAMPLE = 2**24  # users x movies in the fit of the popularities
_THREADS = 2


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
    def starts(self) -> np.ndarray:
        """When each period starts, float64 of shape (PERIODS,)."""
        return self.start + self.period * np.arange(PERIODS)

    @property
    def last_release(self) -> np.datetime64:
        """The last day a movie may be released: in the last period everything can be watched."""
        return np.datetime64(int(self.starts[-1]) - 2 * DAY, "s").astype("datetime64[D]")


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

    period: np.ndarray
    starts_at: np.ndarray
    share: np.ndarray

    def by_period(self, users: np.ndarray) -> np.ndarray:
        """Share of each user's ratings by period, float32 of shape (len(users), PERIODS)."""
        rows = np.repeat(np.arange(len(users)), VISITS)
        shares = np.zeros((len(users), PERIODS), dtype=np.float32)
        np.add.at(shares, (rows, self.period[users].ravel()), self.share[users].ravel())
        return shares


@dataclass(frozen=True)
class Picks:
    """The movies that every user rates.

    Attributes
    ----------
    offsets : ndarray of int64, shape (U + 1,)
        User u's movies are ``movie[offsets[u]:offsets[u + 1]]``, ascending and distinct.
    movie : ndarray of int32, shape (R,)
    visits : Visits
    novelty : ndarray of float32, shape (PERIODS, M)
        How much a movie is watched by period; 0 before its release.
    """

    offsets: np.ndarray
    movie: np.ndarray
    visits: Visits
    novelty: np.ndarray

    def rated_at(
        self, user: np.ndarray, movie: np.ndarray, calendar: Calendar, rng: np.random.Generator
    ) -> np.ndarray:
        """Choose the visit of some of the picks by the movie's novelty then, and a moment of that visit.

        Returns seconds since 1970, int64 of the shape of ``user`` and ``movie`` (both (P,)).
        """
        weight = self.novelty[self.visits.period[user], movie[:, None]] * self.visits.share[user]  # (P, VISITS)
        race = rng.standard_exponential(weight.shape, dtype=np.float32)
        with np.errstate(divide="ignore"):
            visit = np.argmin(race / weight, axis=1)
        _, which, size = np.unique(user * VISITS + visit, return_inverse=True, return_counts=True)
        seconds = np.minimum(size * 25.0, 5_400.0)  # half a minute per movie, an hour and a half at most
        return self.visits.starts_at[user, visit] + (rng.random(len(user)) * seconds[which]).astype(np.int64)


def rating_counts(users: int, movies: int, ratings: int, rng: np.random.Generator) -> np.ndarray:
    """Number of ratings per user, int64 of shape (U,): log-normal above the minimum and levelling off
    towards about half of the movies, with the exact sum.

    Everybody has 20 ratings where ``ratings`` allows it, else about half of the mean at least.
    """
    floor = MIN_RATINGS_PER_USER
    if ratings < floor * users or movies < floor:
        floor = max(1, ratings // (2 * users))
    density = ratings / (users * movies)
    cap = movies * max(_TOP_USER_SHARE, min(1.0, 0.3 + 1.2 * density))
    normal = _USER_SPREAD * ndtri((np.arange(users) + 0.5) / users)

    def counts(level: float) -> np.ndarray:
        return np.minimum(floor + cap / (1 + cap * np.exp(-level - normal)), movies)

    wanted = np.sort(counts(_level(lambda level: float(counts(level).sum()), ratings)))
    whole = np.minimum(wanted.astype(np.int64), movies)
    # What rounding down took goes one by one to the users who lost most, as long as they have movies left.
    while (missing := ratings - int(whole.sum())) != 0:
        gain = np.where(whole < movies, wanted - whole, -np.inf) if missing > 0 else whole - wanted - 1e9 * (whole < 2)
        whole[np.argsort(-gain, kind="stable")[: min(abs(missing), int((gain > -1e8).sum()))]] += np.sign(missing)
    return rng.permutation(whole)


def _level(total: Callable[[float], float], wanted: float) -> float:
    """Where a rising function of a level reaches a total, by bisection."""
    low, high = -60.0, 60.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if total(middle) < wanted else (low, middle)
    return (low + high) / 2


def popularity_targets(users: int, movies: int, ratings: int) -> np.ndarray:
    """Ratings that the i-th most rated movie should have, float64 of shape (M,), falling.

    ``top ** ((1 - rank ** 0.72) ** bend)``: a straight line against rank in logarithms, bent at the head;
    the bend is solved for the total.
    """
    density = ratings / (users * movies)
    top = max(users * max(_TOP_MOVIE_SHARE, density**0.5), 1.0)
    rank = (np.arange(movies) + 0.5) / movies

    def curve(level: float) -> np.ndarray:
        return top ** ((1 - rank**_HEAD_CURVE) ** np.exp(-level))

    target = curve(_level(lambda level: float(curve(level).sum()), ratings))
    return target * ratings / target.sum()


def pick_movies(
    taste: np.ndarray,
    movies: Movies,
    counts: np.ndarray,
    calendar: Calendar,
    seed: int,
    on_progress: Callable[[str, int, int], None],
) -> Picks:
    """Draw every user's movies.

    Parameters
    ----------
    taste : ndarray of float32, shape (U, K)
    movies : Movies
        M movies with tastes of shape (K, M).
    counts : ndarray of int64, shape (U,)
        Ratings per user.
    calendar : Calendar
    seed : int
    on_progress : callable
    """
    rng = np.random.default_rng([seed, 2])
    first = _first_periods(movies.released, calendar)
    novelty = _novelty(first, rng)
    visits = _draw_visits(counts, first, calendar, rng)
    popularity = _fit_popularity(taste, movies, counts, visits, novelty, on_progress)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    picked = np.empty(offsets[-1], dtype=np.int32)
    weighted = novelty * popularity
    by_count = np.argsort(counts, kind="stable")  # users of one block rate about as much: one partition for all
    size = max(1, _BLOCK // len(popularity))
    blocks = [by_count[start : start + size] for start in range(0, len(by_count), size)]

    def fill(block: int) -> int:
        users = blocks[block]
        block_rng = np.random.default_rng([seed, 3, block])
        rows = _race(taste[users], movies.taste, visits.by_period(users) @ weighted, counts[users], block_rng)
        places = offsets[users][:, None] + np.arange(rows.shape[1])
        valid = rows < len(popularity)
        picked[places[valid]] = rows[valid]
        return len(users)

    with ThreadPoolExecutor(_THREADS) as pool:
        done = 0
        for filled in pool.map(fill, range(len(blocks))):
            done += filled
            on_progress("pick movies", done, len(counts))
    _rate_the_unrated(picked, offsets, first, visits, rng)
    return Picks(offsets=offsets, movie=picked, visits=visits, novelty=novelty)


def _race(
    taste: np.ndarray, appeal: np.ndarray, watched: np.ndarray, counts: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The ``counts[u]`` movies that win u's race, ascending, padded with M; shape (B, counts.max())."""
    movies, most = appeal.shape[1], int(counts.max())
    weight = taste @ appeal  # (B, M)
    np.exp(weight, out=weight)
    weight *= watched
    arrival = rng.standard_exponential(weight.shape, dtype=np.float32)
    with np.errstate(divide="ignore"):
        np.divide(arrival, weight, out=arrival)
    if most < movies:
        winners = np.argpartition(arrival, most - 1, axis=1)[:, :most]
    else:
        winners = np.broadcast_to(np.arange(movies), arrival.shape)
    order = np.argsort(np.take_along_axis(arrival, winners, axis=1), axis=1)
    ranked = np.take_along_axis(winners, order, axis=1)
    ranked[np.arange(most) >= counts[:, None]] = movies
    ranked.sort(axis=1)
    return ranked


def _first_periods(released: np.ndarray, calendar: Calendar) -> np.ndarray:
    """First period that starts a day or more after each release, int64 of shape (M,); 0: out before all."""
    seconds = released.astype("datetime64[s]").astype(np.int64) + DAY
    return np.searchsorted(calendar.starts, seconds)


def _novelty(first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How much each movie is watched by period: most after its release, some again later; (PERIODS, M)."""
    period = np.arange(PERIODS, dtype=np.float32)[:, None]
    age = period - np.where(first > 0, first, -PERIODS).astype(np.float32)  # (PERIODS, M)
    fade = rng.uniform(2.0, 10.0, len(first)).astype(np.float32)  # periods
    novelty = 1.0 + 6.0 * np.exp(-np.maximum(age, 0) / fade)
    fashion = rng.standard_normal(len(first), dtype=np.float32)  # wanders around 0 with unit variance
    for now in range(PERIODS):
        novelty[now] *= np.exp(_FASHION_SPREAD * fashion)
        fashion = _FASHION_KEEPS * fashion + (1 - _FASHION_KEEPS**2) ** 0.5 * rng.standard_normal(len(first), dtype=np.float32)
    return np.where(age >= 0, novelty, 0).astype(np.float32)


def _draw_visits(counts: np.ndarray, first: np.ndarray, calendar: Calendar, rng: np.random.Generator) -> Visits:
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


def _fit_popularity(
    taste: np.ndarray,
    movies: Movies,
    counts: np.ndarray,
    visits: Visits,
    novelty: np.ndarray,
    on_progress: Callable[[str, int, int], None],
) -> np.ndarray:
    """Popularities with which the expected ratings per movie follow the targets, float32 of shape (M,).

    On a sample of users: u rates m with probability ``1 - exp(-pace(u) * weight(u, m))``, where the pace is
    such that these add up to u's count; popularities are multiplied by target / expected until they agree.
    """
    users, size = len(counts), len(movies.appeal)
    sample = np.argsort(counts, kind="stable")[
        np.unique(np.linspace(0, users - 1, min(users, max(256, _SAMPLE // size))).astype(np.int64))
    ]
    per_period = visits.by_period(sample)
    available = (per_period.mean(axis=0) @ (novelty > 0)).astype(np.float64)  # (M,) share of ratings given after release
    order = np.argsort(-(movies.appeal + np.log(np.maximum(available, 1e-3))), kind="stable")
    target = np.empty(size)
    target[order] = popularity_targets(users, size, int(counts.sum()))
    target = np.minimum(target, 0.9 * users * np.maximum(available, 1 / users))
    target *= counts.sum() / target.sum()
    unit = np.exp(taste[sample] @ movies.taste) * (per_period @ novelty)  # (S, M)
    wanted = counts[sample].astype(np.float64)
    popularity = target / target.sum()
    rounds = 12
    for turn in range(rounds):
        weight = unit * popularity.astype(np.float32)
        pace = wanted / weight.sum(axis=1)
        for _ in range(4):  # Newton from the left: the expected count is concave in the pace, so it cannot overshoot
            missed = np.exp(-pace[:, None].astype(np.float32) * weight)
            pace += np.maximum(wanted - (1 - missed).sum(axis=1), 0) / np.maximum((weight * missed).sum(axis=1), 1e-30)
        expected = (1 - np.exp(-pace[:, None].astype(np.float32) * weight)).sum(axis=0) * (users / len(sample))
        popularity *= np.clip(target / np.maximum(expected, 1e-9), 0.2, 5.0)
        on_progress("fit popularity", turn + 1, rounds)
    return (popularity / popularity.max()).astype(np.float32)


def _rate_the_unrated(
    picked: np.ndarray, offsets: np.ndarray, first: np.ndarray, visits: Visits, rng: np.random.Generator
) -> None:
    """Give each movie that nobody picked one rating of a much rated one, by a user who came after its release."""
    movies = len(first)
    if len(picked) < 2 * movies:
        return
    rated = np.bincount(picked, minlength=movies)
    last = np.where(visits.share > 0, visits.period, 0).max(axis=1)  # (U,)
    much = max(5, int(np.median(rated)))
    for _ in range(50):  # a place that does not fit is drawn again; what is left then stays unrated
        unrated = np.flatnonzero(rated == 0)
        place, once = np.unique(rng.integers(0, len(picked), len(unrated)), return_index=True)
        movie = unrated[once]
        user = np.searchsorted(offsets, place, side="right") - 1
        fits = (rated[picked[place]] > much) & (last[user] >= first[movie])
        picked[place[fits]] = movie[fits]
        rated = np.bincount(picked, minlength=movies)
    key = np.repeat(np.arange(len(offsets) - 1) * movies, np.diff(offsets)) + picked
    key.sort()  # ascending per user again
    picked[:] = key % movies
