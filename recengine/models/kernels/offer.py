"""What a block of users may get: rows of what is hidden from them, and of what is added to their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.csr import Pattern, pattern_of


class Hidden(NamedTuple):
    """``Offer`` in arrays: ``values`` (nnz,) are those of ``added``, ``right`` (K, M) the movies' factors."""

    own: Pattern
    everyone: NDArray[np.bool_]
    added: Pattern
    values: NDArray[np.float32]
    right: NDArray[np.float32]


@dataclass(frozen=True)
class Offer:
    """What B users may get, columns in the catalogue's order.

    Attributes
    ----------
    own : csr_array, shape (B, M)
        Where an entry is stored, the user does not get the movie.
    everyone : ndarray of bool, shape (M,)
        Movies that nobody gets.
    added : csr_array of float32, shape (B, M), or None
        What is added to single boosted scores.
    """

    own: csr_array
    everyone: NDArray[np.bool_]
    added: csr_array | None = None

    @classmethod
    def without(cls, rows: csr_array) -> Self:
        """All but what is stored in rows (B, M)."""
        return cls(rows, np.zeros(rows.shape[1], dtype=np.bool_))

    def compiled(self, right: NDArray[np.float32]) -> Hidden:
        """The same as the compiled loops read it."""
        if self.added is None:
            nothing = Pattern(np.zeros(self.own.shape[0] + 1, dtype=np.int64), np.zeros(0, dtype=np.int32))
            return Hidden(pattern_of(self.own), self.everyone, nothing, np.zeros(0, np.float32), right)
        values = np.asarray(self.added.data, dtype=np.float32)
        return Hidden(pattern_of(self.own), self.everyone, pattern_of(self.added), values, right)
