"""The movies beyond the head: none of them is scored for a user unless it may reach the user's list.

They lie in tiles, the most lifted ones first. For a user, interval arithmetic on a tile's smallest and largest
factors bounds all of its scores, and most tiles end there. The sums that standardising needs of the whole tail
follow from the factors' own sums and products, without any score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from recengine.models.kernels.compiled import COMPILED, REORDERED

TILE = 128  # movies bounded together
SLACK = np.float32(1e-5)  # what rounding may add to a score, relative to the sizes of its terms


@dataclass(frozen=True)
class Tail:
    """T tiles of movies with K factors each.

    Attributes
    ----------
    movies : ndarray of int64, shape (T, TILE)
        Columns in the catalogue, -1 where a tile is not full.
    right : ndarray of float32, shape (T, K, TILE)
    lift : ndarray of float32, shape (T, TILE)
        Zeros where there is no lift, -inf where a tile is not full.
    low, high : ndarray of float32, shape (T, K)
        Smallest and largest factors in a tile.
    total, gram : ndarray of float64, shapes (K,) and (K, K)
        Sum of the movies' factors, and of their outer products.
    """

    movies: np.ndarray
    right: np.ndarray
    lift: np.ndarray
    low: np.ndarray
    high: np.ndarray
    total: np.ndarray
    gram: np.ndarray

    @classmethod
    def of(cls, right: np.ndarray, lift: np.ndarray | None, head: int) -> Self:
        """The columns from ``head`` on of factors (K, M), with their lift (M,)."""
        k, size = len(right), right.shape[1] - head
        lift = np.zeros(right.shape[1], np.float32) if lift is None else lift
        order = head + np.argsort(-lift[head:], kind="stable")
        tiles = -(-size // TILE)
        movies = np.full(tiles * TILE, -1)
        lifts = np.full(tiles * TILE, -np.inf, dtype=np.float32)
        factors = np.zeros((k, tiles * TILE), dtype=np.float32)
        movies[:size], lifts[:size], factors[:, :size] = order, lift[order], right[:, order]
        wide = right[:, head:].astype(np.float64)
        tiled = np.ascontiguousarray(factors.reshape(k, tiles, TILE).transpose(1, 0, 2))
        low, high = (tiled.min(axis=2), tiled.max(axis=2)) if tiles else (np.zeros((0, k), np.float32),) * 2
        own = movies.reshape(tiles, TILE), tiled, lifts.reshape(tiles, TILE)
        return cls(*own, low, high, wide.sum(axis=1), wide @ wide.T)

    @property
    def tiles(self) -> tuple[np.ndarray, ...]:
        """What the compiled loop over tiles reads."""
        return self.movies, self.right, self.lift, self.low, self.high

    def moments(self, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sum and sum of squares of every user's scores ``left . right`` in the tail, float64 of shape (B,)."""
        wide = left.astype(np.float64)
        return wide @ self.total, np.einsum("bk,bk->b", wide @ self.gram, wide)


@REORDERED
def reach(
    left: np.ndarray, low: np.ndarray, high: np.ndarray, lift: np.ndarray, middle: float, by: float
) -> np.float32:  # pragma: no cover - compiled
    """A lifted score that no movie of a tile exceeds."""
    most = sizes = np.float32(0)
    for at in range(len(left)):
        one, other = left[at] * low[at], left[at] * high[at]
        most += max(one, other)
        sizes += abs(one) + abs(other)
    most += SLACK * (sizes + abs(middle))
    return (most - middle) * by + lift[0] + SLACK * (abs(lift[0]) + abs(most - middle) * by)


@REORDERED
def _scores(
    left: np.ndarray, right: np.ndarray, lift: np.ndarray, middle: float, by: float, scores: np.ndarray
) -> np.float32:  # pragma: no cover - compiled
    """Lifted scores of a tile's movies; the highest of them."""
    scores[:] = 0
    for k in range(len(left)):
        for at in range(TILE):
            scores[at] += left[k] * right[k, at]
    highest = np.float32(-np.inf)
    for at in range(TILE):
        scores[at] = (scores[at] - middle) * by + lift[at]
        highest = max(highest, scores[at])
    return highest


@COMPILED
def take(
    left: np.ndarray,
    right: np.ndarray,
    lift: np.ndarray,
    middle: float,
    by: float,
    movies: np.ndarray,
    hidden: np.ndarray,
    ranks: np.ndarray,
    values: np.ndarray,
    columns: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Score a tile and insert its movies, but for the hidden ones, into the falling ``values``."""
    scores = np.empty(TILE, dtype=np.float32)
    if _scores(left, right, lift, middle, by, scores) < values[-1]:
        return
    for at in range(TILE):
        if movies[at] >= 0 and not hidden[movies[at]]:
            insert(scores[at], movies[at], ranks, values, columns)


@COMPILED
def insert(
    value: float, movie: int, ranks: np.ndarray, values: np.ndarray, columns: np.ndarray
) -> None:  # pragma: no cover - compiled
    """Put a movie into its place among the best, of equal values the smaller rank first; the last falls out."""
    place = len(values) - 1
    if value == -np.inf or value < values[place]:
        return
    if value == values[place] and columns[place] >= 0 and ranks[movie] > ranks[columns[place]]:
        return
    while place > 0 and (
        value > values[place - 1] or (value == values[place - 1] and ranks[movie] < ranks[columns[place - 1]])
    ):
        values[place], columns[place] = values[place - 1], columns[place - 1]
        place -= 1
    values[place], columns[place] = value, movie
