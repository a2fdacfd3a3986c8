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
from numpy.typing import NDArray
from scipy.special import ndtri

from recengine.synthetic.population import Movies
from recengine.synthetic.race import BUSY, HEAD, Race
from recengine.synthetic.visits import VISITS, Calendar, Visits, draw_novelty, draw_visits, first_periods

MIN_RATINGS_PER_USER = 20  # in every release

# The popularity curve, fitted to the releases at both ends: log10 of the number of movies, then by it the
# share of users who rate the most rated movie (.62 in ml-100k, .50 in ml-25m) and the bend of the head.
_CATALOGUES = (3.2, 4.8)
_TOP_MOVIE_SHARES = (0.60, 0.55)
_HEAD_CURVES = (0.50, 0.42)
_TOP_USER_SHARE = 0.55  # of movies the busiest user rates: .44 in ml-100k, .55 in ml-25m
_USER_SPREAD = 1.5  # of the logarithm of ratings per user
_BLOCK = 2**20  # users x movies of one block: a few matrices of 4 MB
_SAMPLE = 2**22  # users x movies in the fit of the popularities
_FIT_ROUNDS = 12
_THREADS = 2


OnProgress = Callable[[str, int, int], None]
"""Called as ``on_progress(what, done, total)``."""


@dataclass(frozen=True)
class Picks:
    """The movies that every user rates.

    Attributes
    ----------
    offsets : ndarray of int64, shape (U + 1,)
        User u's movies are ``movie[offsets[u]:offsets[u + 1]]``, ascending and distinct.
    movie : ndarray of int32, shape (R,)
    visits : Visits
    novelty : ndarray of float32, shape (M, PERIODS)
        How much a movie is watched by period; 0 before its release.
    """

    offsets: NDArray[np.int64]
    movie: NDArray[np.int32]
    visits: Visits
    novelty: NDArray[np.float32]

    def rated_at(
        self, user: NDArray[np.int64], movie: NDArray[np.int32], calendar: Calendar, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Choose the visit of some of the picks by the movie's novelty then, and a moment of that visit.

        Returns seconds since 1970, int64 of the shape of ``user`` and ``movie`` (both (P,)).
        """
        weight = self.novelty[movie[:, None], self.visits.period[user]]  # (P, VISITS)
        weight *= self.visits.share[user]
        upto = np.cumsum(weight, axis=1)
        visit = (rng.random(len(user))[:, None] * upto[:, -1:] >= upto).sum(axis=1)
        _, which, size = np.unique(user * VISITS + visit, return_inverse=True, return_counts=True)
        seconds = np.minimum(size * 25.0, 5_400.0)  # half a minute per movie, an hour and a half at most
        return np.asarray(
            self.visits.starts_at[user, visit] + (rng.random(len(user)) * seconds[which]).astype(np.int64)
        )


def rating_counts(users: int, movies: int, ratings: int, rng: np.random.Generator) -> NDArray[np.int64]:
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

    def counts(level: float) -> NDArray[np.float64]:
        return np.asarray(np.minimum(floor + cap / (1 + cap * np.exp(-level - normal)), movies))

    wanted = np.sort(counts(_level(lambda level: float(counts(level).sum()), ratings)))
    whole = np.minimum(wanted.astype(np.int64), movies)
    # What rounding down took goes one by one to the users who lost most, as long as they have movies left.
    while missing := ratings - int(whole.sum()):
        able = np.flatnonzero(whole < movies)
        whole[able[np.argsort((whole - wanted)[able], kind="stable")[:missing]]] += 1
    return rng.permutation(whole)


def _level(total: Callable[[float], float], wanted: float) -> float:
    """Where a rising function of a level reaches a total, by bisection."""
    low, high = -60.0, 60.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if total(middle) < wanted else (low, middle)
    return (low + high) / 2


def popularity_targets(users: int, movies: int, ratings: int) -> NDArray[np.float64]:
    """Ratings that the i-th most rated movie should have, float64 of shape (M,), falling.

    ``top ** ((1 - rank ** head) ** bend)``: a straight line against rank in logarithms, bent at the head;
    the bend is solved for the total.
    """
    share = float(np.interp(np.log10(movies), _CATALOGUES, _TOP_MOVIE_SHARES))
    head = float(np.interp(np.log10(movies), _CATALOGUES, _HEAD_CURVES))
    top = max(users * max(share, (ratings / (users * movies)) ** 0.5), 1.0)
    rank = (np.arange(movies) + 0.5) / movies

    def curve(level: float) -> NDArray[np.float64]:
        return np.asarray(top ** ((1 - rank**head) ** np.exp(-level)))

    target = curve(_level(lambda level: float(curve(level).sum()), ratings))
    return np.asarray(target * ratings / target.sum())


def pick_movies(
    taste: NDArray[np.float32],
    movies: Movies,
    counts: NDArray[np.int64],
    calendar: Calendar,
    seed: int,
    on_progress: OnProgress,
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
    first = first_periods(movies.released, calendar)
    novelty = draw_novelty(first, rng)
    visits = draw_visits(counts, first, calendar, rng)
    popularity = _fit_popularity(taste, movies, counts, visits, novelty, on_progress)
    race = Race.of(taste, movies.taste, counts, visits, novelty * popularity)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    picked = _run(race, offsets, seed, on_progress)
    _rate_the_unrated(picked, offsets, first, visits, rng)
    return Picks(offsets=offsets, movie=picked, visits=visits, novelty=np.ascontiguousarray(novelty.T))


def _run(race: Race, offsets: NDArray[np.int64], seed: int, on_progress: OnProgress) -> NDArray[np.int32]:
    """Run the race in blocks of users; each block has its own random numbers, so threads change nothing."""
    picked = np.empty(offsets[-1], dtype=np.int32)
    by_count = np.argsort(race.counts, kind="stable")  # users of one block rate about as much
    busy = int(np.searchsorted(race.counts[by_count], BUSY, side="right"))
    sizes = (max(1, _BLOCK // min(len(race.movie), HEAD)), max(1, _BLOCK // len(race.movie)))
    blocks = [
        part[start : start + size]
        for part, size in zip((by_count[:busy], by_count[busy:]), sizes, strict=True)
        for start in range(0, len(part), size)
    ]

    def run(block: int) -> int:
        users = blocks[block]
        counts = race.counts[users]
        places = np.repeat(offsets[users] - (np.cumsum(counts) - counts), counts)
        picked[places + np.arange(len(places))] = race.winners(users, np.random.default_rng([seed, 3, block]))
        return len(users)

    done = 0
    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            for finished in pool.map(run, range(len(blocks))):
                done += finished
                on_progress("pick movies", done, len(by_count))
        finally:
            pool.shutdown(cancel_futures=True)  # Ctrl-C need not wait for the blocks not begun
    return picked


def _fit_popularity(
    taste: NDArray[np.float32],
    movies: Movies,
    counts: NDArray[np.int64],
    visits: Visits,
    novelty: NDArray[np.float32],
    on_progress: OnProgress,
) -> NDArray[np.float32]:
    """Popularities with which the expected ratings per movie follow the targets, float32 of shape (M,).

    On a sample of users: u rates m with probability ``1 - exp(-pace(u) * weight(u, m))``, where the pace is
    such that these add up to u's count; popularities are multiplied by target / expected until they agree.
    """
    sample, stands_for = _sample_users(counts, max(400, _SAMPLE // len(movies.appeal)))
    wanted = counts[sample].astype(np.float64)
    per_period = visits.by_period(sample).toarray()
    given = (stands_for * wanted) @ per_period  # ratings by period
    target = _targets(movies.appeal, given / given.sum() @ (novelty > 0), counts)
    unit = np.exp(taste[sample] @ movies.taste) * (per_period @ novelty)  # (S, M)
    popularity = target / target.sum()
    pace = wanted / (unit @ popularity.astype(np.float32))
    weight, half = np.empty_like(unit), np.empty_like(unit)
    for turn in range(_FIT_ROUNDS):
        np.multiply(unit, popularity.astype(np.float32), out=weight)
        for _ in range(2):  # Newton, from where the last round ended
            # 1 - exp(-x) = 2 t / (1 + t) with t = tanh(x / 2), which keeps the digits of a tiny x
            np.tanh(np.multiply(weight, pace[:, None].astype(np.float32) / 2, out=half), out=half)
            rated = 2 * half / (1 + half)  # probabilities, (S, M)
            slope = np.einsum("um,um->u", weight, 1 - rated)
            step = (wanted - rated.sum(axis=1)) / np.maximum(slope, 1e-30)
            pace = np.clip(pace + step, pace / 4, pace * 4)  # a row that is all rated has no root
        expected = stands_for @ rated
        popularity *= np.clip(target / np.maximum(expected, 1e-9), 0.2, 5.0)
        on_progress("fit popularity", turn + 1, _FIT_ROUNDS)
    return np.asarray((popularity / popularity.max()).astype(np.float32))


def _sample_users(counts: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """A sample of users and how many each stands for; half of it follows the ratings, for the busy users."""
    users = len(counts)
    if users <= size:
        return np.arange(users), np.ones(users)
    by_count = np.argsort(counts, kind="stable")
    chance = 0.5 / users + 0.5 * counts[by_count] / counts.sum()
    place = np.searchsorted(np.cumsum(chance), (np.arange(size) + 0.5) / size)
    return by_count[place], 1 / (size * chance[place])


def _targets(
    appeal: NDArray[np.float32], available: NDArray[np.float64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Ratings each movie should have: the curve, dealt out by appeal and by how long the movie was out.

    ``available`` is the share of all ratings given after the movie's release; all arrays have shape (M,),
    but ``counts``, the ratings per user, (U,).
    """
    users = len(counts)
    order = np.argsort(-(appeal + np.log(np.maximum(available, 1e-3))), kind="stable")
    target = np.empty(len(appeal))
    target[order] = popularity_targets(users, len(appeal), int(counts.sum()))
    target = np.minimum(target, 0.9 * users * np.maximum(available, 1 / users))
    return np.asarray(target * counts.sum() / target.sum())


def _rate_the_unrated(
    picked: NDArray[np.int32],
    offsets: NDArray[np.int64],
    first: NDArray[np.int64],
    visits: Visits,
    rng: np.random.Generator,
) -> None:
    """Give each movie that nobody picked one rating of a much rated one.

    The rating's user must have come after the movie's release. Data with fewer than two ratings per movie
    keep their unrated movies.
    """
    movies = len(first)
    if len(picked) < 2 * movies:
        return
    rated = np.bincount(picked, minlength=movies)
    last = np.where(visits.share > 0, visits.period, 0).max(axis=1)  # (U,)
    much = max(5, int(np.median(rated)))
    for _ in range(20):  # a movie none of whose places fits is drawn again; what is left then stays unrated
        tried = np.repeat(np.flatnonzero(rated == 0), 50)
        place = rng.integers(0, len(picked), len(tried))
        user = np.searchsorted(offsets, place, side="right") - 1
        fits = (rated[picked[place]] > much) & (last[user] >= first[tried])
        movie, once = np.unique(tried[fits], return_index=True)
        place, other = np.unique(place[fits][once], return_index=True)
        picked[place] = movie[other]
        rated = np.bincount(picked, minlength=movies)
    key = np.repeat(np.arange(len(offsets) - 1) * movies, np.diff(offsets)) + picked
    key.sort()  # ascending per user again
    picked[:] = key % movies
