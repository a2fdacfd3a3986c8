"""A matrix of zeros and ones, given by its ones, times a dense one, on all cores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED
from recengine.models.kernels.csr import Pattern, pattern_of
from recengine.runtime.threads import in_parts

TILE = 128  # columns of the dense matrix that are summed together: 512 bytes, rows often needed stay in cache
ROWS = 4096  # rows of the sparse one that a thread takes through a tile


def tiled(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """A matrix (C, K) cut into contiguous tiles of its columns, (tiles, C, TILE), the last one filled with zeros."""
    height, width = weights.shape
    tiles = np.zeros((-(-width // TILE), height, TILE), dtype=np.float32)
    for tile in range(len(tiles)):
        part = weights[:, tile * TILE : (tile + 1) * TILE]
        tiles[tile, :, : part.shape[1]] = part
    return tiles


def product(rows: csr_array, tiles: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """``rows @ weights``, every stored entry counting as 1; float32 of shape (R, K).

    The sums do not depend on the number of threads, nor a row's on the other rows.

    Parameters
    ----------
    rows : csr_array, shape (R, >= C)
        Sorted; columns from C on do not count.
    tiles : ndarray of float32, shape (tiles, C, TILE)
        The weights, ``tiled``.
    width : int
        Their number of columns K.
    """
    result, pattern = np.empty((rows.shape[0], width), dtype=np.float32), pattern_of(rows)
    chunks = -(-len(result) // ROWS)
    in_parts(
        lambda first, last: _multiply(first, last, chunks, pattern, tiles, result), len(tiles) * chunks, 1
    )
    return result


@COMPILED
def _multiply(
    first: int,
    last: int,
    chunks: int,
    pattern: Pattern,
    tiles: NDArray[np.float32],
    result: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """Parts first .. last of the product: part p is chunk p % chunks of the rows, tile p // chunks of the columns."""
    for part in range(first, last):
        left, start = part // chunks * TILE, part % chunks * ROWS
        target = result[start : start + ROWS, left : left + TILE]
        _add_rows(pattern.indptr[start : start + ROWS + 1], pattern.columns, tiles[part // chunks], target)


@COMPILED
def _add_rows(
    indptr: NDArray[np.int64],
    columns: NDArray[np.int32],
    tile: NDArray[np.float32],
    result: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    height, width = tile.shape
    sums = np.empty(TILE, dtype=np.float32)
    for row in range(len(result)):
        sums[:] = 0
        entry, stop = indptr[row], indptr[row + 1]
        while stop > entry and columns[stop - 1] >= height:
            stop -= 1
        while entry + 8 <= stop:  # eight at once: a sum is read and written an eighth as often
            a, b, c, d = columns[entry], columns[entry + 1], columns[entry + 2], columns[entry + 3]
            e, f, g, h = columns[entry + 4], columns[entry + 5], columns[entry + 6], columns[entry + 7]
            for at in range(width):
                early = (tile[a, at] + tile[b, at]) + (tile[c, at] + tile[d, at])
                late = (tile[e, at] + tile[f, at]) + (tile[g, at] + tile[h, at])
                sums[at] += early + late
            entry += 8
        while entry < stop:
            for at in range(width):
                sums[at] += tile[columns[entry], at]
            entry += 1
        result[row] = sums[: result.shape[1]]
