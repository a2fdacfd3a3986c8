"""Weighted sampling without replacement for many users at once, as an exponential race.

Every movie m arrives at user u after ``Exp(1) / weight(u, m)``; the first n movies are u's (Efraimidis and
Spirakis 2006). Racing all users against all movies costs users x movies; most of it is spent on movies that
nearly never win. So the most popular movies, the head, race one by one, and the time at which the head alone
would have filled u's n places bounds the rest: before it, the tail arrives as one Poisson process, drawn from
a cumulative table and thinned by taste. Both give the same distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recengine.synthetic.visits import PERIODS, Visits

HEAD = 4_096  # movies that race one by one; the rest holds a tenth of ml-25m's ratings
BUSY = HEAD // 4  # who rates more than this races against all movies
_TASTE_CAP = 3.5  # log-odds; the tail's proposals are exp(3.5) times too many and thinned to taste


@dataclass(frozen=True)
class Race:
    """Everything the race of any block of users needs; movies are columns, the most popular first.

    Attributes
    ----------
    user_taste : ndarray of float32, shape (U, K)
    movie_taste : ndarray of float32, shape (K, M)
    counts : ndarray of int64, shape (U,)
        Places to win per user.
    visits : Visits
    watched : ndarray of float32, shape (PERIODS, M)
        Popularity times novelty.
    movie : ndarray of int64, shape (M,)
        Movie index of each column.
    tail : ndarray of float64, shape (PERIODS * (M - HEAD) + 1,)
        Running total of ``watched[:, HEAD:]``, from 0; empty tail: just the 0.
    """

    user_taste: NDArray[np.float32]
    movie_taste: NDArray[np.float32]
    counts: NDArray[np.int64]
    visits: Visits
    watched: NDArray[np.float32]
    movie: NDArray[np.int64]
    tail: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        user_taste: NDArray[np.float32],
        movie_taste: NDArray[np.float32],
        counts: NDArray[np.int64],
        visits: Visits,
        watched: NDArray[np.float32],
    ) -> Self:
        """Put the movies in order of popularity; arguments as the attributes, movies in the data's order."""
        movie = np.argsort(-watched.sum(axis=0), kind="stable")
        ordered = np.ascontiguousarray(watched[:, movie])
        tail = np.concatenate([[0.0], np.cumsum(ordered[:, HEAD:], dtype=np.float64)])
        tastes = np.ascontiguousarray(movie_taste[:, movie])
        return cls(user_taste, tastes, counts, visits, ordered, movie, tail)

    def winners(self, users: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """The movies that ``users`` win, user after user, each user's in ascending order."""
        counts = self.counts[users]
        columns = HEAD if counts.max() <= BUSY else len(self.movie)
        row, column, arrival, full = self._head(users, columns, rng)
        if len(self.movie) > columns:
            if np.isfinite(full).all():
                tail_row, tail_column, tail_arrival = self._tail(users, full, rng)
                row, column = np.concatenate([row, tail_row]), np.concatenate([column, tail_column])
                arrival = np.concatenate([arrival, tail_arrival])
            else:  # somebody came too early to find that many of the head released
                row, column, arrival, _ = self._head(users, len(self.movie), rng)
        order = np.lexsort((arrival, row))
        row, column = row[order], column[order]
        starts = np.searchsorted(row, np.arange(len(users)))
        won = np.arange(len(row)) - starts[row] < counts[row]
        key = row[won] * len(self.movie) + self.movie[column[won]]
        key.sort()
        return np.asarray(key % len(self.movie))

    def _head(
        self, users: NDArray[np.int64], columns: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """Winners among the first columns (row, column, arrival) and when each row is full, shape (B,)."""
        counts = self.counts[users]
        weight = self.user_taste[users] @ self.movie_taste[:, :columns]  # (B, columns)
        np.exp(weight, out=weight)
        weight *= self.visits.by_period(users) @ self.watched[:, :columns]
        arrival = rng.random(weight.shape, dtype=np.float32)
        np.subtract(1, arrival, out=arrival)
        np.log(arrival, out=arrival)
        np.negative(arrival, out=arrival)  # Exp(1)
        arrival[weight == 0] = np.inf  # not released yet
        np.divide(arrival, weight, out=arrival, where=weight > 0)
        most = min(int(counts.max()), arrival.shape[1])
        first = np.sort(np.partition(arrival, most - 1, axis=1)[:, :most], axis=1)
        full = first[np.arange(len(users)), np.minimum(counts, most) - 1]
        full[counts > most] = np.inf
        row, column = np.nonzero(arrival <= full[:, None])
        return row, column, arrival[row, column], full

    def _tail(
        self, users: NDArray[np.int64], full: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """First arrivals of the other columns before each row is full: row, column, arrival."""
        width = len(self.movie) - HEAD
        before = self.tail[
            np.arange(PERIODS + 1) * width
        ]  # (PERIODS + 1,) running total where a period starts
        rate = self.visits.share[users] * np.diff(before)[self.visits.period[users]]  # (B, VISITS)
        upto = np.cumsum(rate, axis=1)
        row = np.repeat(np.arange(len(users)), rng.poisson(full * upto[:, -1] * np.exp(_TASTE_CAP)))
        visit = (rng.random(len(row))[:, None] * upto[row, -1:] >= upto[row]).sum(axis=1)
        period = self.visits.period[users[row], np.minimum(visit, upto.shape[1] - 1)]
        draw = before[period] + rng.random(len(row)) * (before[period + 1] - before[period])
        column = HEAD + np.minimum(
            np.searchsorted(self.tail, draw, side="right") - 1 - period * width, width - 1
        )
        taste = np.einsum("pk,kp->p", self.user_taste[users[row]], self.movie_taste[:, column])
        kept = np.flatnonzero(np.log(1 - rng.random(len(row))) < taste - _TASTE_CAP)
        row, column = row[kept], column[kept]
        arrival = (rng.random(len(row)) * full[row]).astype(np.float32)
        order = np.lexsort((arrival, column, row))
        row, column, arrival = row[order], column[order], arrival[order]
        again = (np.diff(row, prepend=-1) == 0) & (np.diff(column, prepend=-1) == 0)
        return row[~again], column[~again], arrival[~again]
