"""Movies renumbered from the most rated one down, and the ratings matrix in those numbers.

What is computed for the popular head and for the movies that are learned about then lies in leading columns, and
the columns that most ratings need lie together in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED
from recengine.runtime.threads import in_parts

PART = 4096


@dataclass(frozen=True)
class Order:
    """``movies`` (M,) from the most to the least rated, ties by index, and ``number`` (M,), its inverse.

    The first ``warm`` of them have enough ratings to be learned about; the others are cold.
    """

    movies: NDArray[np.int64]
    number: NDArray[np.int32]
    warm: int

    @classmethod
    def of(cls, ratings: csr_array, min_ratings: int) -> Order:
        """The order of the columns of ratings (U, M); where none has enough ratings, all rated ones are warm."""
        counts = np.bincount(ratings.indices, minlength=ratings.shape[1])
        enough = counts >= min(min_ratings, counts.max(initial=0))
        return cls.from_movies(np.argsort(-counts, kind="stable"), int((enough & (counts > 0)).sum()))

    @classmethod
    def from_movies(cls, movies: NDArray[np.int64], warm: int) -> Order:
        """The order that lists the movies so."""
        number = np.empty(len(movies), dtype=np.int32)
        number[movies] = np.arange(len(movies), dtype=np.int32)
        return cls(movies, number, warm)

    def renumbered(self, rows: csr_array) -> csr_array:
        """Rows (B, M) with their columns in these numbers, not sorted."""
        return csr_array((rows.data, self.number[rows.indices], rows.indptr), shape=rows.shape)


@dataclass(frozen=True)
class RatedRows:
    """Which warm movies B users rated, 1 per rating, (B, warm), and when: a time for each of its entries."""

    rated: csr_array
    rated_at: NDArray[np.int64]


class Histories(NamedTuple):
    """Users' ratings as the compiled loops read and write them: ``movies`` and ``rated_at`` (nnz,)."""

    indptr: NDArray[np.int64]
    movies: NDArray[np.int32]
    rated_at: NDArray[np.int64]


def rows_of(
    ratings: csr_array, rated_at: NDArray[np.int64], order: Order, users: NDArray[np.integer[Any]]
) -> RatedRows:
    """The rows of users (B,) in the new numbers, sorted.

    Parameters
    ----------
    ratings : csr_array, shape (U, M)
    rated_at : ndarray of int64, shape (nnz,)
        Seconds since 1970 of each stored rating.
    order : Order
    users : ndarray of int, shape (B,)
    """
    histories = Histories(
        np.asarray(ratings.indptr, dtype=np.int64), np.asarray(ratings.indices), np.asarray(rated_at)
    )
    chosen = np.asarray(users, dtype=np.int64)
    number = np.where(order.number < order.warm, order.number, -1).astype(np.int32)
    indptr = np.zeros(len(users) + 1, dtype=np.int64)
    in_parts(lambda a, b: _count(a, b, chosen, histories, number, indptr), len(users), PART)
    np.cumsum(indptr, out=indptr)
    rows = Histories(indptr, np.empty(indptr[-1], dtype=np.int32), np.empty(indptr[-1], dtype=np.int64))
    in_parts(lambda a, b: _fill(a, b, chosen, histories, number, rows), len(users), PART)
    ones = np.ones(len(rows.movies), dtype=np.float32)
    bounds = indptr.astype(ratings.indptr.dtype)  # of one type with the columns, which are then not copied
    return RatedRows(csr_array((ones, rows.movies, bounds), shape=(len(users), order.warm)), rows.rated_at)


@COMPILED
def _count(
    first: int,
    last: int,
    users: NDArray[np.int64],
    histories: Histories,
    number: NDArray[np.int32],
    lengths: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    for at in range(first, last):
        for entry in range(histories.indptr[users[at]], histories.indptr[users[at] + 1]):
            lengths[at + 1] += number[histories.movies[entry]] >= 0


@COMPILED
def _fill(
    first: int,
    last: int,
    users: NDArray[np.int64],
    histories: Histories,
    number: NDArray[np.int32],
    rows: Histories,
) -> None:  # pragma: no cover - compiled
    """Users first .. last by a counting sort: entries are dealt to movies, then, movie by movie, to users."""
    places = np.zeros(number.max() + 2, dtype=np.int64)  # where a movie's next entry goes
    for at in range(first, last):
        for entry in range(histories.indptr[users[at]], histories.indptr[users[at] + 1]):
            if number[histories.movies[entry]] >= 0:
                places[number[histories.movies[entry]] + 1] += 1
    for movie in range(1, len(places)):
        places[movie] += places[movie - 1]
    entries, owners = np.empty(places[-1], dtype=np.int64), np.empty(places[-1], dtype=np.int32)
    for at in range(first, last):
        for entry in range(histories.indptr[users[at]], histories.indptr[users[at] + 1]):
            movie = number[histories.movies[entry]]
            if movie >= 0:
                entries[places[movie]], owners[places[movie]] = entry, at - first
                places[movie] += 1
    to = rows.indptr[first:last].copy()
    for place in range(len(entries)):
        entry, owner = entries[place], owners[place]
        rows.movies[to[owner]] = number[histories.movies[entry]]
        rows.rated_at[to[owner]] = histories.rated_at[entry]
        to[owner] += 1
