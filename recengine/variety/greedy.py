"""The compiled loop of ``selection``: per user, again and again the row of the pool that adds most."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recengine.models.kernels.compiled import COMPILED
from recengine.models.kernels.csr import Pattern

OWN_FILMS = 0.1  # films of just the user's taste that smooth a list: 1 % of a list of ten (Steck's alpha)


class Pool(NamedTuple):
    """What may be listed: rows in the order of their ``values``; movie -1 where there is none."""

    values: NDArray[np.float32]  # (B, P)
    movies: NDArray[np.int64]  # (B, P)
    pinned: NDArray[np.bool_]  # (B, P)


class Limits(NamedTuple):
    """Which values a movie has, (M, V), and how many movies of each a list may hold, (V,)."""

    values: Pattern
    most: NDArray[np.int64]


class Content(NamedTuple):
    """What movies are alike by: their genres (M, G), and unit vectors (M, K), of zeros where nothing is known."""

    genres: Pattern
    width: int  # G
    factors: NDArray[np.float32]


class Wishes(NamedTuple):
    """Weights of diversity and calibration, and users' tastes: shares of genres, as a sparse (B, G)."""

    diversity: float
    calibration: float
    tastes: Pattern
    shares: NDArray[np.float64]


class Work(NamedTuple):
    """One thread's notes on the list it makes."""

    free: NDArray[np.bool_]  # (P,), rows that may still be chosen
    nearest: NDArray[np.float64]  # (P,), a row's likeness to the chosen movie that is most like it
    counts: NDArray[np.int64]  # (V,), chosen movies of each value
    listed: NDArray[np.float64]  # (G,), genres of the chosen movies, each movie's adding up to 1
    taste: NDArray[np.float64]  # (G,)


class Chosen(NamedTuple):
    """Places in the pool (B, n), -1 where nothing was left, and what each added (B, n), -inf there."""

    places: NDArray[np.int64]
    scores: NDArray[np.float32]


@COMPILED
def select_all(
    first: int, last: int, pool: Pool, limits: Limits, content: Content, wishes: Wishes, chosen: Chosen
) -> None:  # pragma: no cover - compiled
    """Fill the lists of users first .. last."""
    rows, values, genres = pool.values.shape[1], len(limits.most), content.width
    work = Work(
        np.empty(rows, np.bool_),
        np.empty(rows, np.float64),
        np.zeros(values, np.int64),
        np.zeros(genres, np.float64),
        np.zeros(genres, np.float64),
    )
    for user in range(first, last):
        work.nearest[:] = 0
        work.counts[:] = 0
        work.listed[:] = 0
        work.taste[:] = 0
        for entry in range(wishes.tastes.indptr[user], wishes.tastes.indptr[user + 1]):
            work.taste[wishes.tastes.columns[entry]] = wishes.shares[entry]
        for at in range(rows):
            work.free[at] = pool.movies[user, at] >= 0
        _fill(user, pool, limits, content, wishes, work, chosen)


@COMPILED
def _fill(
    user: int,
    pool: Pool,
    limits: Limits,
    content: Content,
    wishes: Wishes,
    work: Work,
    chosen: Chosen,
) -> None:  # pragma: no cover - compiled
    """One user's list: the pinned rows in their order, then whatever adds most."""
    values, movies, pinned = pool.values[user], pool.movies[user], pool.pinned[user]
    places, scores = chosen.places[user], chosen.scores[user]
    spread, n, filled = _spread(values, movies, pinned), len(places), 0
    for at in range(len(movies)):
        if pinned[at] and work.free[at] and filled < n:
            places[filled] = at
            scores[filled] = values[at] + spread * _added(at, movies[at], content, wishes, work)
            _note(at, movies, limits, content, wishes, work)
            filled += 1
    first = filled
    while filled < n:
        best, most = -1, -np.inf
        for at in range(len(movies)):
            if not work.free[at]:
                continue
            if _is_full(movies[at], limits, work.counts):
                work.free[at] = False
                continue
            value = values[at] + spread * _added(at, movies[at], content, wishes, work)
            if value > most or (value == most and movies[at] < movies[best]):
                best, most = at, value
        if best < 0:
            break
        places[filled] = best
        scores[filled] = most if filled == first else min(most, scores[filled - 1])  # but for rounding, it is
        _note(best, movies, limits, content, wishes, work)
        filled += 1
    for at in range(min(first, filled - 1) - 1, -1, -1):  # a pinned movie counts as much as what follows it
        scores[at] = max(scores[at], scores[at + 1])


@COMPILED
def _spread(
    values: NDArray[np.float32], movies: NDArray[np.int64], pinned: NDArray[np.bool_]
) -> float:  # pragma: no cover - compiled
    """From the pool's lowest score to its highest, but for pinned rows: what a weight of 1 is worth."""
    lowest, highest = np.float64(np.inf), np.float64(-np.inf)
    for at in range(len(values)):
        if movies[at] >= 0 and not pinned[at]:
            lowest, highest = min(lowest, np.float64(values[at])), max(highest, np.float64(values[at]))
    return highest - lowest if highest > lowest else 0.0


@COMPILED
def _is_full(movie: int, limits: Limits, counts: NDArray[np.int64]) -> bool:  # pragma: no cover - compiled
    """Whether the list holds as many of one of the movie's values as it may."""
    for entry in range(limits.values.indptr[movie], limits.values.indptr[movie + 1]):
        value = limits.values.columns[entry]
        if counts[value] >= limits.most[value]:
            return True
    return False


@COMPILED
def _added(
    at: int, movie: int, content: Content, wishes: Wishes, work: Work
) -> float:  # pragma: no cover - compiled
    """What a row adds to a list beside its score; less, the more the list holds already."""
    added = np.float64(-wishes.diversity * work.nearest[at])
    if wishes.calibration > 0:
        start, stop = content.genres.indptr[movie], content.genres.indptr[movie + 1]
        for entry in range(start, stop):
            genre = content.genres.columns[entry]
            share = work.taste[genre]
            if share > 0:
                has = OWN_FILMS * share + work.listed[genre]
                added += wishes.calibration * share * np.log1p(1 / ((stop - start) * has))
    return float(added)


@COMPILED
def _note(
    taken: int, movies: NDArray[np.int64], limits: Limits, content: Content, wishes: Wishes, work: Work
) -> None:  # pragma: no cover - compiled
    """A row was chosen."""
    movie = movies[taken]
    work.free[taken] = False
    for entry in range(limits.values.indptr[movie], limits.values.indptr[movie + 1]):
        work.counts[limits.values.columns[entry]] += 1
    if wishes.calibration > 0:
        start, stop = content.genres.indptr[movie], content.genres.indptr[movie + 1]
        for entry in range(start, stop):
            work.listed[content.genres.columns[entry]] += 1 / (stop - start)
    if wishes.diversity > 0:
        for at in range(len(movies)):
            if work.free[at]:
                work.nearest[at] = max(work.nearest[at], likeness(movie, movies[at], content))


@COMPILED
def likeness(one: int, other: int, content: Content) -> float:  # pragma: no cover - compiled
    """0 to 1: the cosine of two movies' genres and that of their factors, where those are known, half and half."""
    genres, columns = content.genres.indptr, content.genres.columns
    common = np.float64(0)
    for entry in range(genres[one], genres[one + 1]):
        for against in range(genres[other], genres[other + 1]):
            if columns[entry] == columns[against]:
                common += 1
    sizes = np.float64((genres[one + 1] - genres[one]) * (genres[other + 1] - genres[other]))
    by_genre = common / max(np.sqrt(sizes), 1.0)
    if content.factors.shape[1] == 0:
        return float(by_genre)
    by_factors = np.float64(0)
    for k in range(content.factors.shape[1]):
        by_factors += content.factors[one, k] * content.factors[other, k]
    return float((by_genre + min(max(by_factors, 0.0), 1.0)) / 2)
