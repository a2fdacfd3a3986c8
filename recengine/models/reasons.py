"""Why a movie got its score: exact parts of it, the strongest by themselves and everything else as one rest."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

# A rated movie; an attribute of the user; how many rate the movie at all, and how many do now; what operators' rules
# added, and what the choice of a list by its switches did.
KINDS = ("movie", "attribute", "popularity", "trend", "rule", "variety")
MOVIE, ATTRIBUTE, POPULARITY, TREND, RULE, VARIETY = range(len(KINDS))


class Reasons(NamedTuple):
    """Parts of the scores of n movies for B users: ``parts`` and ``rest`` add up to the score.

    Attributes
    ----------
    kinds : ndarray of int8, shape (B, n, k)
        Place in ``KINDS``; -1 where fewer than k parts speak for the movie.
    about : ndarray of int64, shape (B, n, k)
        Of ``movie`` its index, of ``attribute`` its place in ``user_columns``, else -1.
    parts : ndarray of float64, shape (B, n, k)
        The largest of those that speak for the movie, falling, all above 0; 0 where there is none.
    rest : ndarray of float64, shape (B, n)
        The sum of all others, of those against the movie too.
    sizes : ndarray of float64, shape (B, n)
        The sum of the sizes of all parts: what shares are of.
    """

    kinds: NDArray[np.int8]
    about: NDArray[np.int64]
    parts: NDArray[np.float64]
    rest: NDArray[np.float64]
    sizes: NDArray[np.float64]

    @classmethod
    def nothing(cls, shape: tuple[int, ...], k: int) -> Self:
        """No parts yet of scores (B, n)."""
        kept = (*shape, k)
        return cls(
            np.full(kept, -1, dtype=np.int8),
            np.full(kept, -1, dtype=np.int64),
            np.zeros(kept),
            np.zeros(shape),
            np.zeros(shape),
        )

    @property
    def totals(self) -> NDArray[np.float64]:
        """What all parts add up to, (B, n)."""
        return np.asarray(self.parts.sum(axis=2) + self.rest)

    def plus(self, kind: int, parts: NDArray[np.floating], about: NDArray[np.int64] | None = None) -> Self:
        """With one more part of each score.

        Parameters
        ----------
        kind : int
            Place in ``KINDS``.
        parts : ndarray of float, shape (B, n)
        about : ndarray of int64, shape (B, n), optional
            As the attribute; -1 if left out.
        """
        wide = parts.astype(np.float64)
        what = np.full(wide.shape, -1, dtype=np.int64) if about is None else about
        kinds = np.where(wide > 0, kind, -1).astype(np.int8)
        what = np.where(wide > 0, what, -1)
        all_parts = np.concatenate([self.parts, np.maximum(wide, 0)[..., None]], axis=2)
        order = np.argsort(-all_parts, axis=2, kind="stable")  # of equal parts the earlier one
        (*most, least), k = (
            np.moveaxis(np.take_along_axis(all_parts, order, axis=2), 2, 0),
            self.parts.shape[2],
        )

        def kept(ours: NDArray[Any], its: NDArray[Any]) -> NDArray[Any]:
            both = np.concatenate([ours, its[..., None]], axis=2)
            return np.asarray(np.take_along_axis(both, order, axis=2)[..., :k])

        return type(self)(
            kept(self.kinds, kinds),
            kept(self.about, what),
            np.stack(most, axis=2) if k else self.parts,
            self.rest + least + np.minimum(wide, 0),
            self.sizes + np.abs(wide),
        )

    def scaled(self, factors: NDArray[np.floating]) -> Self:
        """All parts times factors above 0, broadcast to (B, n)."""
        wide = np.broadcast_to(factors.astype(np.float64), self.rest.shape)
        return self._replace(
            parts=self.parts * wide[..., None], rest=self.rest * wide, sizes=self.sizes * wide
        )

    def shifted(self, by: NDArray[np.floating]) -> Self:
        """With what every movie of a user's gets alike, broadcast to (B, n), in the rest."""
        wide = np.broadcast_to(by.astype(np.float64), self.rest.shape)
        return self._replace(rest=self.rest + wide, sizes=self.sizes + np.abs(wide))
