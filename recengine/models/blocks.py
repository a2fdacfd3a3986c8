"""Scores of a block of users, and the best of them, without a pass over memory that can be spared.

A score is ``left . right + rows . weights``: a thin dense product, and the closed form's share from the user's
own ratings. Then, where there is a lift, each user's scores are standardised and lifted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.models.codes import COMPILED
from recengine.models.sparse_product import product
from recengine.threads import in_parts

DENSE = 256  # users in one dense product: always as many, so that a user's figures do not depend on the block
PART = 32  # users finished by one thread at a time
CHUNK = 64  # scores compared with the n-th best at once
RUN = 1024  # scores summed in single precision
TINY = 1e-9
# Sums and maxima that may be taken in any order, fixed when they are compiled.
REORDERED = numba.njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nnan", "nsz"}
)


@dataclass(frozen=True)
class Block:
    """What the scores of B users for M movies consist of, movies in the model's own order.

    Attributes
    ----------
    left : ndarray of float32, shape (B, K)
    right : ndarray of float32, shape (K, M)
    rows : csr_array of float32, shape (B, >= H)
        Only the columns before H count; sorted.
    weights : ndarray of float32, shape (H, H)
    lift : ndarray of float32, shape (M,), or None
        Added to standardised scores.
    """

    left: np.ndarray
    right: np.ndarray
    rows: csr_array
    weights: np.ndarray
    lift: np.ndarray | None

    def scores(self) -> np.ndarray:
        """All scores, float32 of shape (B, M)."""
        found = np.empty((len(self.left), self.right.shape[1]), dtype=np.float32)
        head, lift = self._head(), self._lift()
        for start, dense in self._dense():
            in_parts(
                lambda a, b, at=start, d=dense: _finish_all(a, b, d, head[at:], *lift, found[at:]),  # type: ignore[misc]
                min(DENSE, len(found) - start),
                PART,
            )
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
        head, lift = self._head(), self._lift()
        known = np.asarray(seen.indptr, dtype=np.int64), np.asarray(seen.indices, dtype=np.int32)
        for start, dense in self._dense():
            given = (dense, head[start:], *lift, known[0][start:], known[1], ranks)
            in_parts(
                lambda a, b, at=start, g=given: _best_all(a, b, *g, values[at:], columns[at:]),  # type: ignore[misc,call-arg]
                min(DENSE, len(values) - start),
                PART,
            )
        return values, columns

    def _lift(self) -> tuple[bool, np.ndarray]:
        lift = np.zeros(self.right.shape[1], np.float32) if self.lift is None else self.lift
        return self.lift is not None, lift

    def _head(self) -> np.ndarray:
        """The closed form's share, float32 of shape (B, H)."""
        return product(self.rows, self.weights)

    def _dense(self):  # type: ignore[no-untyped-def]
        """(first user, product) of every DENSE users; the product is overwritten by the next one."""
        right = torch.from_numpy(self.right)
        product = torch.empty(DENSE, right.shape[1])
        for start in range(0, len(self.left), DENSE):
            left = torch.zeros(DENSE, self.left.shape[1])
            part = torch.from_numpy(self.left[start : start + DENSE])
            left[: len(part)] = part
            torch.mm(left, right, out=product)
            yield start, product.numpy()


@REORDERED
def _add_up(
    dense: np.ndarray, head: np.ndarray, row: np.ndarray
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Add both parts into the row; its mean and standard deviation, summed in one fixed order."""
    total = squares = np.float64(0)
    for start in range(0, len(row), RUN):
        stop = min(start + RUN, len(row))
        middle = min(max(len(head), start), stop)
        for at in range(start, middle):
            row[at] = dense[at] + head[at]
        for at in range(middle, stop):
            row[at] = dense[at]
        part, part_squares = np.float32(0), np.float32(0)
        for at in range(start, stop):
            part += row[at]
            part_squares += row[at] * row[at]
        total += part
        squares += part_squares
    mean = total / len(row)
    return mean, np.sqrt(max(squares / len(row) - mean * mean, 0.0)) + TINY


@COMPILED
def _finish(
    dense: np.ndarray, head: np.ndarray, lifted: bool, lift: np.ndarray, row: np.ndarray
) -> bool:  # pragma: no cover - compiled
    """One user's scores from their parts; False where one is not finite."""
    mean, deviation = _add_up(dense, head, row)
    if lifted:
        middle, scale = np.float32(mean), np.float32(1 / deviation)
        for at in range(len(row)):
            row[at] = (row[at] - middle) * scale + lift[at]
    return np.isfinite(mean)


@COMPILED
def _finish_all(
    first: int,
    last: int,
    dense: np.ndarray,
    head: np.ndarray,
    lifted: bool,
    lift: np.ndarray,
    out: np.ndarray,
) -> None:  # pragma: no cover - compiled
    for user in range(first, last):
        _finish(dense[user], head[user], lifted, lift, out[user])


@COMPILED
def _best_all(
    first: int,
    last: int,
    dense: np.ndarray,
    head: np.ndarray,
    lifted: bool,
    lift: np.ndarray,
    indptr: np.ndarray,
    seen: np.ndarray,
    ranks: np.ndarray,
    values: np.ndarray,
    columns: np.ndarray,
) -> None:  # pragma: no cover - compiled
    row = np.empty(dense.shape[1], dtype=np.float32)
    for user in range(first, last):
        if not _finish(dense[user], head[user], lifted, lift, row):
            values[user, 0] = np.nan
            continue
        for entry in range(indptr[user], indptr[user + 1]):
            row[seen[entry]] = -np.inf
        _best(row, ranks, values[user], columns[user])


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
    last = len(values) - 1
    for start in range(0, len(row), CHUNK):
        stop = min(start + CHUNK, len(row))
        if _highest(row, start, stop) < values[last]:
            continue
        for at in range(start, stop):
            value, place = row[at], last
            if value == -np.inf or value < values[last]:
                continue
            if value == values[last] and columns[last] >= 0 and ranks[at] > ranks[columns[last]]:
                continue
            while place > 0 and (
                value > values[place - 1]
                or (value == values[place - 1] and ranks[at] < ranks[columns[place - 1]])
            ):
                values[place], columns[place] = values[place - 1], columns[place - 1]
                place -= 1
            values[place], columns[place] = value, at
