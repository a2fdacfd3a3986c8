"""Co-occurrence: how many people rated both of two movies, summed for every pair of movies.

Three sums, each H x H, symmetric, and the same bits with any number of threads:

- ``common_raters`` counts people exactly, a bit per user and movie. A pair of movies then costs two reads of a
  bitmap and a count of its bits, however many people rated both; adding up pair by pair, user by user, costs a user
  with a thousand ratings a million additions.
- ``weighted_raters`` adds up pair by pair, because each user counts with a weight of their own.
- ``session_raters`` does so for what a user rated in one session, the closer in time the more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED
from recengine.models.kernels.csr import Pattern, pattern_of
from recengine.runtime.threads import in_parts

WORD = 64  # users in a word of a bitmap
USERS = 1 << 18  # most whose bitmaps are made at a time: 32 kB per movie
BAND, TILE = 64, 32  # movies against movies at a time: a tile's bitmaps stay in the cache
BANDS = 64  # pair by pair, the rows are summed in this many bands, whatever the number of threads
PART = 1024  # users whose sessions one thread finds at a time
HOUR = 3_600  # seconds
PAUSE = 12.0  # a session ends with a pause of this many time scales: exp(-12) is next to nothing
LONGEST = 120.0  # ... or when it has lasted this many


def common_raters(rows: csr_array, head: int) -> NDArray[np.float32]:
    """Number of users who rated both movies.

    Parameters
    ----------
    rows : csr_array, shape (U, M)
        A stored entry is a rating.
    head : int
        How many leading movies H are counted.

    Returns
    -------
    ndarray of float32, shape (H, H)
        Exact; a movie's own number of raters on the diagonal.
    """
    counts, pattern = np.zeros((head, head), dtype=np.float32), pattern_of(rows)
    step = min(USERS, max(32 * head, WORD * 64) // WORD * WORD)  # the bitmaps take no more than the counts
    for first in range(0, rows.shape[0], step):
        last = min(first + step, rows.shape[0])
        bits = np.zeros((head, -(-(last - first) // WORD)), dtype=np.uint64)
        part = Pattern(pattern.indptr[first : last + 1], pattern.columns)
        in_parts(lambda a, b, p=part, m=bits: _set_bits(a, b, p, m), last - first, WORD * 64)  # type: ignore[misc]
        in_parts(lambda a, b, m=bits: _count(a, b, m, counts), head, BAND)  # type: ignore[misc]
    return _mirrored(counts)


def weighted_raters(rows: csr_array, weights: NDArray[np.float32], beside: int = 0) -> NDArray[np.float32]:
    """Weighted number of users who rated both movies.

    Parameters
    ----------
    rows : csr_array, shape (U, M)
        A stored entry is a rating; rows sorted by movie.
    weights : ndarray of float32, shape (U,)
        Weight of each user.
    beside : int
        Further rows and columns A that the matrix shall have, zeros.

    Returns
    -------
    ndarray of float32, shape (M + A, M + A)
    """
    movies, pattern = rows.shape[1], pattern_of(rows)
    sums = np.zeros((movies + beside, movies + beside), dtype=np.float32)
    by_user = np.asarray(weights, dtype=np.float32)
    in_parts(lambda a, b: _add_pairs(a, b, pattern, by_user, sums), movies, -(-movies // BANDS) or 1)
    return _mirrored(sums)


class Sessions(NamedTuple):
    """Every user's ratings of the head, session by session and, within one, by movie; each (nnz,).

    Attributes
    ----------
    movies : ndarray of int32
    place, stop : ndarray of int32
        Where a rating of the rows went, and where its session ends there, counted from the user's first rating.
    after, before : ndarray of float32
        exp(t) and exp(-t), t in time scales since the session's middle: exp(-|t - t'|) is then the smaller one of
        exp(t) exp(-t') and exp(t') exp(-t), and costs no exponential.
    """

    movies: NDArray[np.int32]
    place: NDArray[np.int32]
    stop: NDArray[np.int32]
    after: NDArray[np.float32]
    before: NDArray[np.float32]


def session_raters(
    rows: csr_array, rated_at: NDArray[np.int64], hours: float, head: int
) -> NDArray[np.float32]:
    """Sum over users of ``exp(-|t_i - t_j| / hours)`` for movies i and j rated in one session.

    Parameters
    ----------
    rows : csr_array, shape (U, M)
        A stored entry is a rating; rows sorted by movie.
    rated_at : ndarray of int64, shape (nnz,)
        Seconds since 1970 of each stored entry.
    hours : float
        Time scale of a session.
    head : int
        How many leading movies H are counted.

    Returns
    -------
    ndarray of float32, shape (H, H)
        With a movie's own number of raters on the diagonal.
    """
    pattern, times = pattern_of(rows), np.asarray(rated_at, dtype=np.int64)
    sessions = Sessions(
        np.empty(rows.nnz, dtype=np.int32),
        *np.empty((2, rows.nnz), dtype=np.int32),
        *np.empty((2, rows.nnz), dtype=np.float32),
    )
    in_parts(
        lambda a, b: _find_sessions(a, b, pattern, times, hours * HOUR, head, sessions), rows.shape[0], PART
    )
    sums = np.zeros((head, head), dtype=np.float32)
    in_parts(lambda a, b: _add_sessions(a, b, pattern, sessions, sums), head, -(-head // BANDS) or 1)
    return _mirrored(sums)


def _mirrored(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same matrix, its upper triangle copied into the lower one."""
    in_parts(lambda a, b: _mirror(a, b, sums), len(sums), BAND)
    return sums


@intrinsic
def _ones(context: Any, word: Any) -> Any:  # pragma: no cover - compiled
    """Bits set in a word, by the processor's own instruction."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), generate


@COMPILED
def _set_bits(
    first: int, last: int, rows: Pattern, bits: NDArray[np.uint64]
) -> None:  # pragma: no cover - compiled
    """Parts begin at whole words, so that no two threads write the same one."""
    for user in range(first, last):
        bit = np.uint64(1) << np.uint64(user % WORD)
        for entry in range(rows.indptr[user], rows.indptr[user + 1]):
            if rows.columns[entry] < len(bits):
                bits[rows.columns[entry], user // WORD] |= bit


@COMPILED
def _count(
    first: int, last: int, bits: NDArray[np.uint64], counts: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    """Rows first .. last of the upper triangle."""
    words = bits.shape[1]
    for left in range(first, len(bits), TILE):
        for row in range(first, last):
            for column in range(max(left, row), min(left + TILE, len(bits))):
                one, other, total = bits[row], bits[column], np.uint64(0)
                for word in range(words):
                    total += _ones(one[word] & other[word])  # type: ignore[call-arg]
                counts[row, column] += np.float32(total)


@COMPILED
def _add_pairs(
    first: int, last: int, rows: Pattern, weights: NDArray[np.float32], sums: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    """Rows first .. last of the upper triangle."""
    for user in range(len(weights)):
        every = rows.columns[rows.indptr[user] : rows.indptr[user + 1]]
        for one in range(np.searchsorted(every, first), np.searchsorted(every, last)):
            row = sums[every[one]]
            for other in range(one, len(every)):
                row[every[other]] += weights[user]


@COMPILED
def _find_sessions(
    first: int,
    last: int,
    rows: Pattern,
    rated_at: NDArray[np.int64],
    scale: float,
    head: int,
    sessions: Sessions,
) -> None:  # pragma: no cover - compiled
    """Sort the head's ratings of users first .. last by session and, within it, by movie."""
    for user in range(first, last):
        start, size = rows.indptr[user], rows.indptr[user + 1] - rows.indptr[user]
        session, since = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.float32)
        bounds = np.zeros(size + 2, dtype=np.int32)  # where a session's next rating goes
        began = newest = number = 0
        for at in np.argsort(rated_at[start : start + size], kind="mergesort"):
            now = rated_at[start + at]
            if number == 0 or now - newest > PAUSE * scale or now - began > LONGEST * scale:
                began, number = now, number + 1
            newest = now
            session[at], since[at] = number, (now - began) / scale - LONGEST / 2  # both stay within float32
            bounds[number + 1] += rows.columns[start + at] < head
        for at in range(1, size + 2):
            bounds[at] += bounds[at - 1]
        ends = bounds[1:].copy()
        for at in range(size):
            if rows.columns[start + at] < head:
                to = bounds[session[at]]
                bounds[session[at]] += 1
                sessions.place[start + at], sessions.stop[start + at] = to, ends[session[at]]
                sessions.movies[start + to] = rows.columns[start + at]
                sessions.after[start + to] = np.exp(since[at])
                sessions.before[start + to] = np.exp(-since[at])


@COMPILED
def _add_sessions(
    first: int, last: int, rows: Pattern, sessions: Sessions, sums: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    """Rows first .. last of the upper triangle."""
    for user in range(len(rows.indptr) - 1):
        start = rows.indptr[user]
        every = rows.columns[start : rows.indptr[user + 1]]
        for entry in range(np.searchsorted(every, first), np.searchsorted(every, last)):
            row, at = sums[every[entry]], start + sessions.place[start + entry]
            row[every[entry]] += 1
            after, before = sessions.after[at], sessions.before[at]
            for other in range(at + 1, start + sessions.stop[start + entry]):
                row[sessions.movies[other]] += min(
                    after * sessions.before[other], before * sessions.after[other]
                )


@COMPILED
def _mirror(first: int, last: int, sums: NDArray[np.float32]) -> None:  # pragma: no cover - compiled
    """Copy the upper triangle into rows first .. last of the lower one, tile by tile."""
    for left in range(0, last, TILE):
        for row in range(max(first, left), last):
            for column in range(left, min(left + TILE, row)):
                sums[row, column] = sums[column, row]
