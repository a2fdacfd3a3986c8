"""Movies renumbered from the most rated one down, and the ratings matrix in those numbers.

What is computed for the popular head and for the coded movies then lies in leading columns, and the columns
that most ratings need lie together in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.models.kernels.compiled import COMPILED
from recengine.runtime.threads import in_parts

PART = 4096


@dataclass(frozen=True)
class Order:
    """``movies`` (M,) from the most to the least rated, ties by index, and ``number`` (M,), its inverse.

    The first ``coded`` of them have enough ratings to be learned about.
    """

    movies: np.ndarray
    number: np.ndarray
    coded: int

    @classmethod
    def of(cls, snapshot: Snapshot, min_ratings: int) -> Order:
        """The order of a snapshot's movies; where none has enough ratings, all rated ones are coded."""
        counts = np.bincount(snapshot.ratings.indices, minlength=snapshot.movies)
        enough = counts >= min(min_ratings, counts.max(initial=0))
        return cls.from_movies(np.argsort(-counts, kind="stable"), int((enough & (counts > 0)).sum()))

    @classmethod
    def from_movies(cls, movies: np.ndarray, coded: int) -> Order:
        """The order that lists the movies so."""
        number = np.empty(len(movies), dtype=np.int32)
        number[movies] = np.arange(len(movies), dtype=np.int32)
        return cls(movies, number, coded)


@dataclass(frozen=True)
class RatedRows:
    """Which coded movies B users rated, 1 per rating, (B, coded), and when: a time for each of its entries."""

    rated: csr_array
    rated_at: np.ndarray


def rows_of(snapshot: Snapshot, order: Order, users: np.ndarray) -> RatedRows:
    """The rows of users (B,) in the new numbers, sorted."""
    ratings = snapshot.ratings
    indptr, users = np.asarray(ratings.indptr, dtype=np.int64), np.asarray(users, dtype=np.int64)
    movies, times = np.asarray(ratings.indices), np.asarray(snapshot.rated_at)
    number = np.where(order.number < order.coded, order.number, -1).astype(np.int32)
    into = np.zeros(len(users) + 1, dtype=np.int64)
    in_parts(lambda a, b: _count(a, b, users, indptr, movies, number, into), len(users), PART)
    np.cumsum(into, out=into)
    columns, rated_at = np.empty(into[-1], dtype=np.int32), np.empty(into[-1], dtype=np.int64)
    given = (users, indptr, movies, times, number)
    in_parts(lambda a, b: _fill(a, b, *given, into, columns, rated_at), len(users), PART)
    ones = np.ones(len(columns), dtype=np.float32)
    bounds = into.astype(ratings.indptr.dtype)  # of one type with the columns, which are then not copied
    return RatedRows(csr_array((ones, columns, bounds), shape=(len(users), order.coded)), rated_at)


@COMPILED
def _count(
    first: int,
    last: int,
    users: np.ndarray,
    indptr: np.ndarray,
    movies: np.ndarray,
    number: np.ndarray,
    lengths: np.ndarray,
) -> None:  # pragma: no cover - compiled
    for at in range(first, last):
        for entry in range(indptr[users[at]], indptr[users[at] + 1]):
            lengths[at + 1] += number[movies[entry]] >= 0


@COMPILED
def _fill(
    first: int,
    last: int,
    users: np.ndarray,
    indptr: np.ndarray,
    movies: np.ndarray,
    times: np.ndarray,
    number: np.ndarray,
    into: np.ndarray,
    columns: np.ndarray,
    rated_at: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Users first .. last by a counting sort: entries are dealt to movies, then, movie by movie, to users."""
    places = np.zeros(number.max() + 2, dtype=np.int64)  # where a movie's next entry goes
    for at in range(first, last):
        for entry in range(indptr[users[at]], indptr[users[at] + 1]):
            if number[movies[entry]] >= 0:
                places[number[movies[entry]] + 1] += 1
    for movie in range(1, len(places)):
        places[movie] += places[movie - 1]
    entries, owners = np.empty(places[-1], dtype=np.int64), np.empty(places[-1], dtype=np.int32)
    for at in range(first, last):
        for entry in range(indptr[users[at]], indptr[users[at] + 1]):
            movie = number[movies[entry]]
            if movie >= 0:
                entries[places[movie]], owners[places[movie]] = entry, at - first
                places[movie] += 1
    to = into[first:last].copy()
    for place in range(len(entries)):
        entry, owner = entries[place], owners[place]
        columns[to[owner]], rated_at[to[owner]] = number[movies[entry]], times[entry]
        to[owner] += 1
