"""Scores of a block of users, and their best movies, found without computing most of the scores.

A score is ``left . right + rows . weights``: a thin dense product, and for the popular head the closed form's
share from the user's own ratings. Then, where there is a lift, each user's scores are standardised and lifted.
The best are looked for in the head first; of the many movies beyond it (``tail``) only those are scored that
may still reach the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.models.kernels import tail
from recengine.models.kernels.compiled import COMPILED, REORDERED
from recengine.models.kernels.sparse_product import product, tiled
from recengine.models.kernels.tail import Tail, insert
from recengine.runtime.threads import in_parts

PART = 32  # users finished by one thread at a time
DENSE = 256  # users in one dense product: always as many, so that a user's figures do not depend on the block
CHUNK = 64  # scores compared with the n-th best at once
RUN = 1024  # scores summed in single precision
TINY = 1e-9


@dataclass(frozen=True)
class Catalogue:
    """What the scores of all users share; M movies in the model's own order, the first H of them the head.

    Attributes
    ----------
    right : ndarray of float32, shape (K, M)
    weights : ndarray of float32, shape (H, H)
    lift : ndarray of float32, shape (M,), or None
        Added to standardised scores.
    """

    right: np.ndarray
    weights: np.ndarray
    lift: np.ndarray | None

    @cached_property
    def tail(self) -> Tail:
        """The movies beyond the head."""
        return Tail.of(self.right, self.lift, len(self.weights))

    @cached_property
    def weight_tiles(self) -> np.ndarray:
        """The weights as ``product`` wants them."""
        return tiled(self.weights)

    @property
    def lifted(self) -> tuple[bool, np.ndarray]:
        """Whether there is a lift, and the lift; an empty array where there is none."""
        return self.lift is not None, np.zeros(0, np.float32) if self.lift is None else self.lift


@dataclass(frozen=True)
class Block:
    """The scores of B users for the movies of a catalogue.

    Attributes
    ----------
    catalogue : Catalogue
    left : ndarray of float32, shape (B, K)
    rows : csr_array, shape (B, >= H)
        Which movies count for the closed form, in the catalogue's order, sorted; columns from H on do not.
    """

    catalogue: Catalogue
    left: np.ndarray
    rows: csr_array

    def scores(self) -> np.ndarray:
        """All scores, float32 of shape (B, M)."""
        found = np.empty((len(self.left), self.catalogue.right.shape[1]), dtype=np.float32)
        shared = self.catalogue.lifted
        self._each(self.catalogue.right, lambda *own: _finish_all(*own, *shared, found))  # type: ignore[call-arg]
        return found

    def best(self, seen: csr_array, ranks: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        """The n best unseen movies of every user.

        Parameters
        ----------
        seen : csr_array, shape (B, M)
            Where an entry is stored, the movie does not count.
        ranks : ndarray of int64, shape (M,)
            Of equal scores the movie with the smaller rank comes first.
        n : int

        Returns
        -------
        (ndarray of float32, ndarray of int64), both of shape (B, n)
            Falling values and their columns; -inf and -1 where nothing is left, and NaN as a user's first
            value where any score of theirs is not finite.
        """
        values = np.full((len(self.left), n), -np.inf, dtype=np.float32)
        columns = np.full((len(self.left), n), -1, dtype=np.int64)
        head, beyond = self.catalogue.right[:, : len(self.catalogue.weights)], self.catalogue.tail
        known = np.asarray(seen.indptr, dtype=np.int64), np.asarray(seen.indices, dtype=np.int32)
        shared = (*self.catalogue.lifted, *known, ranks, self.left, *beyond.moments(self.left), *beyond.tiles)
        self._each(head, lambda *own: _best_all(*own, *shared, values, columns))  # type: ignore[call-arg]
        return values, columns

    def _each(self, right: np.ndarray, work: Callable[..., None]) -> None:
        """Call ``work(first, last, number of the product's first user, product, closed form's share)``."""
        share = product(self.rows, self.catalogue.weight_tiles, len(self.catalogue.weights))
        for start, dense in _products(self.left, right):
            size = min(DENSE, len(self.left) - start)
            in_parts(lambda a, b, at=start, d=dense: work(a, b, at, d, share), size, PART)  # type: ignore[misc]


def _products(left: np.ndarray, right: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, product) of every DENSE rows; the product is overwritten by the next one."""
    by = torch.from_numpy(np.ascontiguousarray(right))
    found = torch.empty(DENSE, by.shape[1])
    for start in range(0, len(left), DENSE):
        padded = torch.zeros(DENSE, left.shape[1])
        part = torch.from_numpy(left[start : start + DENSE])
        padded[: len(part)] = part
        torch.mm(padded, by, out=found)
        yield start, found.numpy()


@REORDERED
def _add_up(
    dense: np.ndarray, share: np.ndarray, row: np.ndarray
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Add both parts into the row; its sum and sum of squares, in one fixed order."""
    total = squares = np.float64(0)
    for start in range(0, len(row), RUN):
        stop = min(start + RUN, len(row))
        middle = min(max(len(share), start), stop)
        for at in range(start, middle):
            row[at] = dense[at] + share[at]
        for at in range(middle, stop):
            row[at] = dense[at]
        part, part_squares = np.float32(0), np.float32(0)
        for at in range(start, stop):
            part += row[at]
            part_squares += row[at] * row[at]
        total += part
        squares += part_squares
    return total, squares


@COMPILED
def _standard(total: float, squares: float, count: int) -> tuple[float, float]:  # pragma: no cover - compiled
    """Mean and inverse standard deviation."""
    mean = total / count
    return mean, 1 / (np.sqrt(max(squares / count - mean * mean, 0.0)) + TINY)


@COMPILED
def _finish_all(
    first: int,
    last: int,
    start: int,
    dense: np.ndarray,
    share: np.ndarray,
    lifted: bool,
    lift: np.ndarray,
    out: np.ndarray,
) -> None:  # pragma: no cover - compiled
    for at in range(first, last):
        row = out[start + at]
        mean, scale = _standard(*_add_up(dense[at], share[start + at], row), len(row))
        if lifted:
            middle, by = np.float32(mean), np.float32(scale)
            for movie in range(len(row)):
                row[movie] = (row[movie] - middle) * by + lift[movie]


@COMPILED
def _best_all(
    first: int,
    last: int,
    start: int,
    dense: np.ndarray,
    share: np.ndarray,
    lifted: bool,
    lift: np.ndarray,
    indptr: np.ndarray,
    seen: np.ndarray,
    ranks: np.ndarray,
    left: np.ndarray,
    totals: np.ndarray,
    squares: np.ndarray,
    tail_movies: np.ndarray,
    tail_right: np.ndarray,
    tail_lift: np.ndarray,
    tail_low: np.ndarray,
    tail_high: np.ndarray,
    values: np.ndarray,
    columns: np.ndarray,
) -> None:  # pragma: no cover - compiled
    row = np.empty(dense.shape[1], dtype=np.float32)
    hidden = np.zeros(len(ranks), dtype=np.bool_)
    for at in range(first, last):
        user = start + at
        head_total, head_squares = _add_up(dense[at], share[user], row)
        mean, scale = _standard(head_total + totals[user], head_squares + squares[user], len(ranks))
        if not np.isfinite(mean):
            values[user, 0] = np.nan
            continue
        middle, by = np.float32(mean if lifted else 0), np.float32(scale if lifted else 1)
        for entry in range(indptr[user], indptr[user + 1]):
            hidden[seen[entry]] = True
            if seen[entry] < len(row):
                row[seen[entry]] = -np.inf
        if lifted:
            for movie in range(len(row)):
                row[movie] = (row[movie] - middle) * by + lift[movie]
        _best(row, ranks, values[user], columns[user])
        for tile in range(len(tail_right)):
            limits = tail_low[tile], tail_high[tile], tail_lift[tile]
            if tail.reach(left[user], *limits, middle, by) < values[user, -1]:  # type: ignore[arg-type]
                continue
            given = left[user], tail_right[tile], tail_lift[tile], middle, by
            tail.take(*given, tail_movies[tile], hidden, ranks, values[user], columns[user])  # type: ignore[arg-type]
        for entry in range(indptr[user], indptr[user + 1]):
            hidden[seen[entry]] = False


@REORDERED
def _highest(row: np.ndarray, start: int, stop: int) -> np.float32:  # pragma: no cover - compiled
    highest = np.float32(-np.inf)
    for at in range(start, stop):
        highest = max(highest, row[at])
    return highest


@COMPILED
def _best(
    row: np.ndarray, ranks: np.ndarray, values: np.ndarray, columns: np.ndarray
) -> None:  # pragma: no cover - compiled
    """Insert a row's best into the falling ``values``; chunks without a candidate cost one comparison."""
    for start in range(0, len(row), CHUNK):
        stop = min(start + CHUNK, len(row))
        if _highest(row, start, stop) < values[-1]:
            continue
        for at in range(start, stop):
            insert(row[at], at, ranks, values, columns)
