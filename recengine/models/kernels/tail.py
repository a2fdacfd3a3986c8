"""The movies beyond the head: none of them is scored for a user unless it may reach the user's list.

They lie in tiles, the most boosted ones first. For a user, interval arithmetic on a tile's smallest and largest
factors bounds all of its scores, and most tiles end there. The sums that standardising needs of the whole tail
follow from the factors' own sums and products, without any score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recengine.models.kernels.compiled import COMPILED, REORDERED
from recengine.models.kernels.insertion import insert

TILE = 128  # movies bounded together
SLACK = np.float32(1e-5)  # what rounding may add to a score, relative to the sizes of its terms


class Tiles(NamedTuple):
    """T tiles of movies with K factors each, as the compiled loops read them.

    Attributes
    ----------
    columns : ndarray of int64, shape (T, TILE)
        Columns in the catalogue, -1 where a tile is not full.
    right : ndarray of float32, shape (T, K, TILE)
    boost : ndarray of float32, shape (T, TILE)
        Zeros where there is no boost, -inf where a tile is not full.
    low, high : ndarray of float32, shape (T, K)
        Smallest and largest factors in a tile.
    """

    columns: NDArray[np.int64]
    right: NDArray[np.float32]
    boost: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


class Standard(NamedTuple):
    """What standardises a user's scores: (score - mean) * scale."""

    mean: np.float32
    scale: np.float32


@dataclass(frozen=True)
class Tail:
    """The tiles, and of all their movies the sum of factors and that of their outer products.

    Attributes
    ----------
    tiles : Tiles
    total, gram : ndarray of float64, shapes (K,) and (K, K)
    """

    tiles: Tiles
    total: NDArray[np.float64]
    gram: NDArray[np.float64]

    @classmethod
    def of(cls, right: NDArray[np.float32], boost: NDArray[np.float32] | None, head: int) -> Self:
        """The columns from ``head`` on of factors (K, M), with their boost (M,)."""
        k, size = len(right), right.shape[1] - head
        boost = np.zeros(right.shape[1], np.float32) if boost is None else boost
        order = head + np.argsort(-boost[head:], kind="stable")
        tiles = -(-size // TILE)
        columns = np.full(tiles * TILE, -1)
        boosts = np.full(tiles * TILE, -np.inf, dtype=np.float32)
        factors = np.zeros((k, tiles * TILE), dtype=np.float32)
        columns[:size], boosts[:size], factors[:, :size] = order, boost[order], right[:, order]
        wide = right[:, head:].astype(np.float64)
        tiled = np.ascontiguousarray(factors.reshape(k, tiles, TILE).transpose(1, 0, 2))
        low, high = (tiled.min(axis=2), tiled.max(axis=2)) if tiles else (np.zeros((0, k), np.float32),) * 2
        return cls(
            Tiles(columns.reshape(tiles, TILE), tiled, boosts.reshape(tiles, TILE), low, high),
            total=wide.sum(axis=1),
            gram=wide @ wide.T,
        )

    def moments(self, left: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sum and sum of squares of every user's scores ``left . right`` in the tail, float64 of shape (B,)."""
        wide = left.astype(np.float64)
        return wide @ self.total, np.einsum("bk,bk->b", wide @ self.gram, wide)


@REORDERED
def reach(
    left: NDArray[np.float32],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    boost: NDArray[np.float32],
    standard: Standard,
) -> float:  # pragma: no cover - compiled
    """A boosted score that no movie of a tile exceeds."""
    mean, scale = standard
    most = sizes = np.float32(0)
    for at in range(len(left)):
        one, other = left[at] * low[at], left[at] * high[at]
        most += max(one, other)
        sizes += abs(one) + abs(other)
    most += SLACK * (sizes + abs(mean))
    bound: float = (most - mean) * scale + boost[0] + SLACK * (abs(boost[0]) + abs(most - mean) * scale)
    return bound


@REORDERED
def _scores(
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    boost: NDArray[np.float32],
    standard: Standard,
    scores: NDArray[np.float32],
) -> np.float32:  # pragma: no cover - compiled
    """Boosted scores of a tile's movies; the highest of them."""
    mean, scale = standard
    scores[:] = 0
    for k in range(len(left)):
        for at in range(TILE):
            scores[at] += left[k] * right[k, at]
    highest = np.float32(-np.inf)
    for at in range(TILE):
        scores[at] = (scores[at] - mean) * scale + boost[at]
        highest = max(highest, scores[at])
    return highest


@COMPILED
def insert_reaching(
    left: NDArray[np.float32],
    tiles: Tiles,
    standard: Standard,
    hidden: NDArray[np.bool_],
    ids: NDArray[np.int64],
    values: NDArray[np.float32],
    listed: NDArray[np.int64],
) -> None:  # pragma: no cover - compiled
    """Insert into one user's list what of the tail may reach it, but for the hidden columns."""
    scores = np.empty(TILE, dtype=np.float32)
    for tile in range(len(tiles.right)):
        boost = tiles.boost[tile]
        if reach(left, tiles.low[tile], tiles.high[tile], boost, standard) < values[-1]:
            continue
        if _scores(left, tiles.right[tile], boost, standard, scores) < values[-1]:
            continue
        for at in range(TILE):
            column = tiles.columns[tile, at]
            if column >= 0 and not hidden[column]:
                insert(scores[at], ids[column], values, listed)
