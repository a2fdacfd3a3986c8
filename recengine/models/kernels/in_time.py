"""Counts of ratings by when they were made: a user's between two times, a movie's faded by their age."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED
from recengine.runtime.threads import in_parts

HOUR = 3_600
BANDS = 8  # the ratings are summed in this many bands, whatever the number of threads
PART = 4096  # users counted by one thread at a time


class Times(NamedTuple):
    """Which movies were rated when, in the order of the ratings; each (nnz,)."""

    movies: NDArray[np.int32]
    rated_at: NDArray[np.int64]


def rated_between(
    ratings: csr_array, rated_at: NDArray[np.int64], first: int, last: int
) -> NDArray[np.int64]:
    """How many ratings each user made from ``first`` to ``last``, both included.

    Parameters
    ----------
    ratings : csr_array, shape (U, M)
    rated_at : ndarray of int64, shape (nnz,)
        Seconds since 1970, in the order of the ratings.
    first, last : int
        Seconds since 1970.

    Returns
    -------
    ndarray of int64, shape (U,)
    """
    counts = np.zeros(ratings.shape[0], dtype=np.int64)
    indptr, times = np.asarray(ratings.indptr, dtype=np.int64), np.asarray(rated_at)
    in_parts(lambda a, b: _count(a, b, indptr, times, first, last, counts), len(counts), PART)
    return counts


def faded_counts(
    times: Times, movies: int, newest: int, half_lives: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Counts of every movie's ratings up to a time, faded by each half-life and, last, not faded.

    Parameters
    ----------
    times : Times
    movies : int
        Number of movies M.
    newest : int
        Seconds since 1970; later ratings do not count.
    half_lives : ndarray of float64, shape (H,)
        In days; a rating's age counts in whole hours.

    Returns
    -------
    ndarray of float64, shape (M, H + 1)
    """
    hours = np.arange((newest - int(times.rated_at.min())) // HOUR + 1)
    faded = np.exp2(-hours[:, None] / (24 * half_lives))  # (hours, H)
    sums = np.zeros((BANDS, movies, len(half_lives) + 1))
    size = len(times.movies)
    step = -(-size // BANDS)
    in_parts(lambda first, last: _add_up(first, last, step, times, newest, faded, sums), size, step)
    return np.asarray(sums.sum(axis=0))


@COMPILED
def _count(
    begin: int,
    end: int,
    indptr: NDArray[np.int64],
    rated_at: NDArray[np.int64],
    first: int,
    last: int,
    counts: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    for user in range(begin, end):
        for entry in range(indptr[user], indptr[user + 1]):
            counts[user] += (rated_at[entry] >= first) & (rated_at[entry] <= last)


@COMPILED
def _add_up(
    first: int,
    last: int,
    step: int,
    times: Times,
    newest: int,
    faded: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """A band's counts."""
    half_lives = faded.shape[1]
    for entry in range(first, last):
        if times.rated_at[entry] <= newest:
            row = sums[first // step, times.movies[entry]]
            age = (newest - times.rated_at[entry]) // HOUR
            for at in range(half_lives):
                row[at] += faded[age, at]
            row[half_lives] += 1
