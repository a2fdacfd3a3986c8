"""Small systems of equations: their sums of products, and their solution, in the loop that needs them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recengine.models.kernels.compiled import COMPILED
from recengine.models.kernels.register_tile import HIGH, WIDE, add_tile


@COMPILED
def add_products(
    vectors: NDArray[np.float32],
    weights: NDArray[np.float32],
    entries: int,
    k: int,
    sums: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """Add to ``sums`` the weighted products of some vectors of k + 1 numbers: its upper triangle and its row k.

    Arrays as ``add_tile`` takes them.
    """
    for top in range(0, len(sums), HIGH):
        for left in range(0 if top + HIGH > k else top // WIDE * WIDE, sums.shape[1], WIDE):
            add_tile(vectors, weights, entries, top, left, sums)  # type: ignore[call-arg]


@COMPILED
def cholesky(upper: NDArray[np.float32], lower: NDArray[np.float32]) -> None:  # pragma: no cover - compiled
    """Factors R and R' of ``R'R = upper``, R in place; with 1 / r on their diagonals.

    Both are kept because every loop below then runs along a row.
    """
    for i in range(len(upper)):
        upper[i, i] = 1 / np.sqrt(upper[i, i])
        for j in range(i + 1, len(upper)):
            upper[i, j] *= upper[i, i]
        for m in range(i + 1, len(upper)):
            for j in range(m, len(upper)):
                upper[m, j] -= upper[i, m] * upper[i, j]
        for j in range(i, len(upper)):
            lower[j, i] = upper[i, j]


@COMPILED
def forward(upper: NDArray[np.float32], vector: NDArray[np.float32]) -> None:  # pragma: no cover - compiled
    """Solve R' x = vector in place."""
    for i in range(len(vector)):
        vector[i] *= upper[i, i]
        for j in range(i + 1, len(vector)):
            vector[j] -= vector[i] * upper[i, j]


@COMPILED
def backward(lower: NDArray[np.float32], vector: NDArray[np.float32]) -> None:  # pragma: no cover - compiled
    """Solve R x = vector in place."""
    for i in range(len(vector) - 1, -1, -1):
        vector[i] *= lower[i, i]
        for j in range(i):
            vector[j] -= vector[i] * lower[i, j]
