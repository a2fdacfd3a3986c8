"""A sparse matrix times a dense one, on all cores."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from recengine.models.codes import COMPILED
from recengine.threads import in_parts

TILE = 256  # columns of the dense matrix that are summed together: 1 kB, rows often needed stay in cache
PART = 1024  # rows summed by one thread: they share the tile


def product(rows: csr_array, weights: np.ndarray) -> np.ndarray:
    """``rows @ weights``, float32 of shape (R, K); the same on any number of threads.

    Parameters
    ----------
    rows : csr_array of float32, shape (R, >= C)
        Sorted; columns from C on do not count.
    weights : ndarray of float32, shape (C, K)
    """
    found = np.zeros((rows.shape[0], weights.shape[1]), dtype=np.float32)
    indptr, indices = np.asarray(rows.indptr, np.int64), np.asarray(rows.indices, np.int32)
    given = (indptr, indices, np.asarray(rows.data, np.float32), np.ascontiguousarray(weights), found)
    in_parts(lambda first, last: _add_rows(first, last, *given), len(found), PART)
    return found


@COMPILED
def _add_rows(
    first: int,
    last: int,
    indptr: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    weights: np.ndarray,
    out: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """out += rows @ weights for rows first .. last, tile by tile of the weights' columns."""
    height, width = weights.shape
    for left in range(0, width, TILE):
        right = min(left + TILE, width)
        for row in range(first, last):
            sums = out[row, left:right]
            entry, stop = indptr[row], indptr[row + 1]
            while stop > entry and columns[stop - 1] >= height:
                stop -= 1
            while entry + 4 <= stop:  # four at once: a sum is read and written a quarter as often
                a, b, c, d = values[entry], values[entry + 1], values[entry + 2], values[entry + 3]
                u = weights[columns[entry], left:right]
                v = weights[columns[entry + 1], left:right]
                w = weights[columns[entry + 2], left:right]
                x = weights[columns[entry + 3], left:right]
                for at in range(right - left):
                    sums[at] += a * u[at] + b * v[at] + c * w[at] + d * x[at]
                entry += 4
            while entry < stop:
                a, u = values[entry], weights[columns[entry], left:right]
                for at in range(right - left):
                    sums[at] += a * u[at]
                entry += 1
