"""Top N: the exact n best of many scores, equal ones in the order of their ids."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recengine.models.kernels.compiled import COMPILED, REORDERED
from recengine.runtime.threads import in_parts

PART = 16  # rows searched by one thread at a time
CHUNK = 64  # scores compared with the n-th best at once: seldom does one of them belong to the list


class Lists(NamedTuple):
    """A list of n per row: falling ``values`` (B, n) and whose they are, ``ids`` (B, n)."""

    values: NDArray[np.float32]
    ids: NDArray[np.int64]


def empty_lists(rows: int, n: int) -> Lists:
    """Lists nothing has been put into: -inf and -1."""
    return Lists(np.full((rows, n), -np.inf, dtype=np.float32), np.full((rows, n), -1, dtype=np.int64))


def top_n(scores: NDArray[np.float32], n: int) -> Lists:
    """The exact n best of every row, ties broken by the smaller column.

    Parameters
    ----------
    scores : ndarray of float32, shape (B, M)
        Higher is better; -inf is never listed.
    n : int
        Entries per row.

    Returns
    -------
    Lists
        Their ids are columns; -inf and -1 where nothing is left.
    """
    lists, columns = empty_lists(len(scores), n), np.arange(scores.shape[1])
    in_parts(lambda first, last: _top_rows(first, last, scores, columns, lists), len(scores), PART)
    return lists


@COMPILED
def _top_rows(
    first: int, last: int, scores: NDArray[np.float32], ids: NDArray[np.int64], lists: Lists
) -> None:  # pragma: no cover - compiled
    for row in range(first, last):
        insert_all(scores[row], ids, lists.values[row], lists.ids[row])


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
