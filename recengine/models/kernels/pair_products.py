"""Products of single rows of two matrices, on all cores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recengine.models.kernels.compiled import REORDERED
from recengine.runtime.threads import in_parts

PART = 1 << 14  # pairs that one thread takes at a time


def pair_products(
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    rows: NDArray[np.integer[Any]],
    others: NDArray[np.integer[Any]],
) -> NDArray[np.float32]:
    """``left[rows[p]] @ right[others[p]]`` of P pairs, float32 of shape (P,); left (n, R), right (m, R)."""
    products = np.empty(len(rows), dtype=np.float32)
    # Of one type whatever they are, so that the loop is compiled once.
    pairs = np.asarray(rows, dtype=np.int64), np.asarray(others, dtype=np.int64)
    matrices = np.ascontiguousarray(left), np.ascontiguousarray(right)
    in_parts(lambda first, last: _multiply(first, last, *matrices, *pairs, products), len(products), PART)
    return products


@REORDERED
def _multiply(
    first: int,
    last: int,
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    rows: NDArray[np.int64],
    others: NDArray[np.int64],
    products: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    for pair in range(first, last):
        total = np.float32(0)
        for at in range(left.shape[1]):
            total += left[rows[pair], at] * right[others[pair], at]
        products[pair] = total
