"""Putting scores into a list of the best, equal ones in the order of their ids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recengine.models.kernels.compiled import COMPILED, REORDERED

CHUNK = 64  # scores compared with the n-th best at once: seldom does one of them belong to the list


@COMPILED
def insert_all(
    scores: NDArray[np.float32],
    ids: NDArray[np.int64],
    values: NDArray[np.float32],
    listed: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    """Insert a row's best into one list; chunks without a candidate cost one comparison."""
    for start in range(0, len(scores), CHUNK):
        stop = min(start + CHUNK, len(scores))
        if _highest(scores, start, stop) < values[-1]:
            continue
        for at in range(start, stop):
            insert(scores[at], ids[at], values, listed)


@REORDERED
def _highest(scores: NDArray[np.float32], start: int, stop: int) -> np.float32:  # pragma: no cover - compiled
    highest = np.float32(-np.inf)
    for at in range(start, stop):
        highest = max(highest, scores[at])
    return highest


@COMPILED
def insert(
    value: float, new: int, values: NDArray[np.float32], listed: NDArray[np.int64]
) -> None:  # pragma: no cover - compiled
    """Put an id into its place in one list, of equal values the smaller id first; the last falls out."""
    place = len(values) - 1
    if value == -np.inf or value < values[place]:
        return
    if value == values[place] and listed[place] >= 0 and new > listed[place]:
        return
    while place > 0 and (
        value > values[place - 1] or (value == values[place - 1] and new < listed[place - 1])
    ):
        values[place], listed[place] = values[place - 1], listed[place - 1]
        place -= 1
    values[place], listed[place] = value, new
