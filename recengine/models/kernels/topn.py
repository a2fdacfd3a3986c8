"""Top N: the exact n best of many scores, equal ones in the order of their ids."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED
from recengine.models.kernels.insertion import insert_all
from recengine.runtime.threads import in_parts

PART = 16  # rows searched by one thread at a time


class Lists(NamedTuple):
    """A list of n per row: falling ``values`` (B, n) and whose they are, ``ids`` (B, n); or G lists, (B, G, n)."""

    values: NDArray[np.float32]
    ids: NDArray[np.int64]


def empty_lists(*shape: int) -> Lists:
    """Lists nothing has been put into: -inf and -1."""
    return Lists(np.full(shape, -np.inf, dtype=np.float32), np.full(shape, -1, dtype=np.int64))


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


def top_n_of_groups(scores: NDArray[np.float32], groups: csr_array, n: int) -> Lists:
    """The exact n best of every row within each of G groups of columns, both (B, G, n).

    ``groups`` (G, M) has an entry where a column is in a group; otherwise as ``top_n``.
    """
    lists = empty_lists(len(scores), groups.shape[0], n)
    for group in range(groups.shape[0]):
        columns = np.sort(groups.indices[groups.indptr[group] : groups.indptr[group + 1]])
        best = top_n(np.ascontiguousarray(scores[:, columns]), n)
        lists.values[:, group] = best.values
        lists.ids[:, group] = np.append(columns, -1)[best.ids]  # -1 stays
    return lists


@COMPILED
def _top_rows(
    first: int, last: int, scores: NDArray[np.float32], ids: NDArray[np.int64], lists: Lists
) -> None:  # pragma: no cover - compiled
    for row in range(first, last):
        insert_all(scores[row], ids, lists.values[row], lists.ids[row])
