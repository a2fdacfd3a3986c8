"""How many people rated both of two movies, counted exactly for every pair: a bit per user and movie.

A pair of movies then costs two reads of a bitmap and a count of its bits, however many people rated both;
adding up pair by pair, user by user, costs a user with a thousand ratings a million additions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core import typing
from numba.extending import intrinsic
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED
from recengine.runtime.threads import in_parts

WORD = 64  # users in a word of a bitmap
USERS = 1 << 18  # most whose bitmaps are made at a time: 32 kB per movie
BAND, TILE = 64, 32  # movies against movies at a time: a tile's bitmaps stay in the cache


def common_raters(rows: csr_array, head: int) -> np.ndarray:
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
        Symmetric, exact; a movie's own number of raters on the diagonal.
    """
    counts = np.zeros((head, head), dtype=np.float32)
    indptr, indices = np.asarray(rows.indptr, dtype=np.int64), np.asarray(rows.indices, dtype=np.int32)
    step = min(USERS, max(32 * head, WORD * 64) // WORD * WORD)  # the bitmaps take no more than the counts
    for first in range(0, rows.shape[0], step):
        last = min(first + step, rows.shape[0])
        bits = np.zeros((head, -(-(last - first) // WORD)), dtype=np.uint64)
        given = (indptr[first : last + 1], indices, bits)
        in_parts(lambda a, b, g=given: _set_bits(a, b, *g), last - first, WORD * 64)  # type: ignore[misc]
        in_parts(lambda a, b, m=bits: _count(a, b, m, counts), head, BAND)  # type: ignore[misc]
    in_parts(lambda a, b: mirror(a, b, counts), head, BAND)
    return counts


@intrinsic
def _ones(context: typing.Context, word: types.Type) -> Any:  # pragma: no cover - compiled
    """Bits set in a word, by the processor's own instruction."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), generate


@COMPILED
def _set_bits(
    first: int, last: int, indptr: np.ndarray, movies: np.ndarray, bits: np.ndarray
) -> None:  # pragma: no cover - compiled
    """Parts begin at whole words, so that no two threads write the same one."""
    for user in range(first, last):
        bit = np.uint64(1) << np.uint64(user % WORD)
        for entry in range(indptr[user], indptr[user + 1]):
            if movies[entry] < len(bits):
                bits[movies[entry], user // WORD] |= bit


@COMPILED
def _count(
    first: int, last: int, bits: np.ndarray, counts: np.ndarray
) -> None:  # pragma: no cover - compiled
    """Rows first .. last of the upper triangle."""
    words = bits.shape[1]
    for left in range(first, len(bits), TILE):
        for row in range(first, last):
            own = bits[row]
            for column in range(max(left, row), min(left + TILE, len(bits))):
                other, total = bits[column], np.uint64(0)
                for word in range(words):
                    total += _ones(own[word] & other[word])  # type: ignore[call-arg]
                counts[row, column] += np.float32(total)


@COMPILED
def mirror(first: int, last: int, counts: np.ndarray) -> None:  # pragma: no cover - compiled
    """Copy the upper triangle into rows first .. last of the lower one, tile by tile."""
    for left in range(0, last, TILE):
        for row in range(max(first, left), last):
            for column in range(left, min(left + TILE, row)):
                counts[row, column] = counts[column, row]
