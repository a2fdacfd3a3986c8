"""What a column's factors follow from, as sums over its rows that can be added up part by part.

The factors of column c, given the rows' p, solve ``(A_c + base + ridge_c I) q = b_c`` with ``A_c`` the sum of p p'
and ``b_c`` the sum of p over the rows that have the column. Parts of the rows are summed by whoever holds them; only
sums move.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED
from recengine.models.kernels.csr import Pattern, pattern_of
from recengine.models.kernels.register_tile import HIGH, WIDE
from recengine.models.kernels.small_systems import add_products, backward, cholesky, forward
from recengine.runtime.threads import in_parts

PART = 256  # columns that one thread takes at a time
GATHERED = 256  # entries of a column whose rows' factors are copied together, for one matrix product


def packed_width(factors: int) -> int:
    """Numbers that hold a column's sums: a triangle of ``A`` row by row, then ``b``."""
    return factors * (factors + 1) // 2 + factors


def add_sums(columns: csr_array, factors: NDArray[np.float32], sums: NDArray[np.float32]) -> None:
    """Add to every column's sums those over a part of the rows.

    Parameters
    ----------
    columns : csr_array, shape (C, R)
        The part, a row per column: where an entry is stored.
    factors : ndarray of float32, shape (R, K)
        The rows' p.
    sums : ndarray of float32, shape (C, packed_width(K))
    """
    pattern, inputs = pattern_of(columns), np.ascontiguousarray(factors, dtype=np.float32)
    in_parts(lambda first, last: _add(first, last, pattern, inputs, sums), len(sums), PART)


def solved(
    sums: NDArray[np.float32], base: NDArray[np.float32], ridge: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The factors (C, K) of columns with these sums; base (K, K), ridge (C,)."""
    factors = np.empty((len(sums), len(base)), dtype=np.float32)
    in_parts(lambda first, last: _solve(first, last, sums, base, ridge, factors), len(sums), PART)
    return factors


@COMPILED
def _add(
    first: int,
    last: int,
    columns: Pattern,
    factors: NDArray[np.float32],
    sums: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    k = factors.shape[1]
    high, wide = -(-(k + 1) // HIGH) * HIGH, -(-(k + 1) // WIDE) * WIDE
    gathered = np.zeros((GATHERED + 1, wide), dtype=np.float32)
    gathered[:, k] = 1
    weights = np.ones(GATHERED, dtype=np.float32)
    square = np.empty((high, wide), dtype=np.float32)  # of [p, 1] [p, 1]'
    for column in range(first, last):
        entry, stop = columns.indptr[column], columns.indptr[column + 1]
        if entry == stop:
            continue
        square[:] = 0
        while entry < stop:
            taken = min(GATHERED, stop - entry)
            _gather(columns.columns[entry : entry + taken], factors, gathered)
            add_products(gathered, weights, taken, k, square)
            entry += taken
        place = 0
        for i in range(k):
            for j in range(i, k):
                sums[column, place] += square[i, j]
                place += 1
        for i in range(k):
            sums[column, place + i] += square[k, i]


@COMPILED
def _gather(
    rows: NDArray[np.int32], factors: NDArray[np.float32], gathered: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    """Copy rows' factors together; number by number, as a copy of slices is slower."""
    for at in range(len(rows)):
        for i in range(factors.shape[1]):
            gathered[at, i] = factors[rows[at], i]


@COMPILED
def _solve(
    first: int,
    last: int,
    sums: NDArray[np.float32],
    base: NDArray[np.float32],
    ridge: NDArray[np.float32],
    factors: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    k = len(base)
    upper, lower = np.empty((k, k), dtype=np.float32), np.empty((k, k), dtype=np.float32)
    for column in range(first, last):
        place = 0
        for i in range(k):
            for j in range(i, k):
                upper[i, j] = base[i, j] + sums[column, place]
                place += 1
            upper[i, i] += ridge[column]
        factors[column] = sums[column, place:]
        cholesky(upper, lower)
        forward(upper, factors[column])
        backward(lower, factors[column])
