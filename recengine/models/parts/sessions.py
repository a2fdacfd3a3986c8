"""Pairs of movies rated in one sitting, the closer in time the more."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED
from recengine.models.kernels.cooccurrence import mirror
from recengine.runtime.threads import in_parts

BANDS = 64  # the sums' rows are made in this many bands, whatever the number of threads
PART = 1024
HOUR = 3_600  # seconds
PAUSE = 12.0  # a sitting ends with a pause of this many time scales: exp(-12) is next to nothing
LONGEST = 120.0  # ... or when it has lasted this many


def sitting_sums(rows: csr_array, rated_at: np.ndarray, hours: float, head: int) -> np.ndarray:
    """Sum over users of ``exp(-|t_i - t_j| / hours)`` for movies i and j rated in one sitting.

    Parameters
    ----------
    rows : csr_array, shape (U, M)
        A stored entry is a rating; rows sorted by movie.
    rated_at : ndarray of int64, shape (nnz,)
        Seconds since 1970 of each stored entry.
    hours : float
        Time scale of a sitting.
    head : int
        How many leading movies H are counted.

    Returns
    -------
    ndarray of float32, shape (H, H)
        Symmetric, with the number of raters on the diagonal; the sums are made in a fixed order, so that they
        are the same with any number of threads.
    """
    indptr, movies = np.asarray(rows.indptr, dtype=np.int64), np.asarray(rows.indices, dtype=np.int32)
    of_sitting = np.empty(rows.nnz, dtype=np.int32)  # the same movies, sitting by sitting within a user
    place, stop = np.empty((2, rows.nnz), dtype=np.int32)
    after, before = np.empty((2, rows.nnz), dtype=np.float32)
    given = (indptr, movies, np.asarray(rated_at, dtype=np.int64), hours * HOUR, head)
    groups = (of_sitting, place, stop, after, before)
    in_parts(lambda first, last: _group(first, last, *given, *groups), rows.shape[0], PART)
    sums = np.zeros((head, head), dtype=np.float32)
    in_parts(
        lambda first, last: _add_up(first, last, indptr, movies, *groups, sums), head, -(-head // BANDS) or 1
    )
    in_parts(lambda first, last: mirror(first, last, sums), head, PART)
    return sums


@COMPILED
def _group(
    first: int,
    last: int,
    indptr: np.ndarray,
    movies: np.ndarray,
    rated_at: np.ndarray,
    scale: float,
    head: int,
    of_sitting: np.ndarray,
    place: np.ndarray,
    stop: np.ndarray,
    after: np.ndarray,
    before: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Sort the head's ratings of users first .. last by sitting and, within it, by movie.

    ``place`` says where a rating went and ``stop`` where its sitting ends there, both counted from the user's
    first rating. ``after`` and ``before`` are exp(t) and exp(-t), t in time scales since the sitting's middle:
    exp(-|t - t'|) is then the smaller one of exp(t) exp(-t') and exp(t') exp(-t), and costs no exponential.
    """
    for user in range(first, last):
        start, size = indptr[user], indptr[user + 1] - indptr[user]
        sitting, since = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.float32)
        bounds = np.zeros(size + 2, dtype=np.int32)  # where a sitting's next rating goes
        began = newest = number = 0
        for at in np.argsort(rated_at[start : start + size], kind="mergesort"):
            now = rated_at[start + at]
            if number == 0 or now - newest > PAUSE * scale or now - began > LONGEST * scale:
                began, number = now, number + 1
            newest = now
            sitting[at], since[at] = number, (now - began) / scale - LONGEST / 2  # both stay within float32
            bounds[number + 1] += movies[start + at] < head
        for at in range(1, size + 2):
            bounds[at] += bounds[at - 1]
        ends = bounds[1:].copy()
        for at in range(size):
            if movies[start + at] < head:
                to = bounds[sitting[at]]
                bounds[sitting[at]] += 1
                place[start + at], stop[start + at] = to, ends[sitting[at]]
                of_sitting[start + to] = movies[start + at]
                after[start + to], before[start + to] = np.exp(since[at]), np.exp(-since[at])


@COMPILED
def _add_up(
    first: int,
    last: int,
    indptr: np.ndarray,
    movies: np.ndarray,
    of_sitting: np.ndarray,
    place: np.ndarray,
    stop: np.ndarray,
    after: np.ndarray,
    before: np.ndarray,
    sums: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Rows first .. last of the upper triangle."""
    for user in range(len(indptr) - 1):
        start = indptr[user]
        every = movies[start : indptr[user + 1]]
        for entry in range(np.searchsorted(every, first), np.searchsorted(every, last)):
            row, own = sums[every[entry]], start + place[start + entry]
            row[every[entry]] += 1
            since, until = after[own], before[own]
            for other in range(own + 1, start + stop[start + entry]):
                row[of_sitting[other]] += min(since * before[other], until * after[other])
