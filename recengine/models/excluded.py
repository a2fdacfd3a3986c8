"""What a list may not hold, and what moves a movie in it: what users rated, and what an operator's rules say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.dataset import Snapshot


@dataclass(frozen=True)
class Excluded:
    """Movies that are not recommended; called with users (B,), it gives theirs as a matrix (B, M).

    Attributes
    ----------
    rated : csr_array, shape (U, M)
        Where an entry is stored, the user has rated the movie.
    everyone : ndarray of bool, shape (M,)
        Movies that nobody gets.
    others : csr_array, shape (U, M), or None
        What users may not get beside what they rated.
    only : csr_array, shape (U, M), or None
        All that the ``limited`` users may get.
    limited : ndarray of bool, shape (U,), or None
    """

    rated: csr_array
    everyone: NDArray[np.bool_]
    others: csr_array | None = None
    only: csr_array | None = None
    limited: NDArray[np.bool_] | None = None

    @classmethod
    def rated_in(cls, snapshot: Snapshot) -> Self:
        """Nothing but what users have rated."""
        return cls(snapshot.ratings, np.zeros(snapshot.movies, dtype=np.bool_))

    def __call__(self, users: NDArray[np.integer[Any]]) -> csr_array:
        """Everything that users (B,) do not get, (B, M), sorted; what is stored stands for itself."""
        own = self.own(users)
        if not self.everyone.any():
            return own
        return _united(own, _repeated(np.flatnonzero(self.everyone), len(users), own.shape[1]))

    def own(self, users: NDArray[np.integer[Any]]) -> csr_array:
        """The same without what nobody gets, (B, M)."""
        rows = csr_array(self.rated[users])
        if self.others is not None and (others := self.others[users]).nnz:
            rows = _united(rows, others)
        if self.limited is not None and self.only is not None and (limited := self.limited[users]).any():
            outside = self.only[users].toarray() == 0  # (B, M)
            outside[~limited] = False
            rows = _united(rows, csr_array(outside))
        return rows

    def hidden_in(self, scores: NDArray[np.float32], users: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Scores of users (B, M), in which from now on what they do not get is -inf."""
        hidden = self.own(users)
        scores[np.repeat(np.arange(len(users)), np.diff(hidden.indptr)), hidden.indices] = -np.inf
        scores[:, self.everyone] = -np.inf
        return scores

    def plus(self, rows: csr_array) -> Self:
        """The same and, for each user, what is stored in rows (U, M)."""
        return replace(self, others=rows if self.others is None else _united(self.others, rows))

    @property
    def wide(self) -> bool:
        """Whether a user's row may be nearly as long as the catalogue: fewer of them fit into memory."""
        return self.limited is not None


@dataclass(frozen=True)
class Boosts:
    """What rules add to users' scores, in standard deviations of the user's scores.

    Attributes
    ----------
    everyone : ndarray of float32, shape (M,)
        For all users.
    own : csr_array of float32, shape (U, M), or None
        Beside that, for single users.
    """

    everyone: NDArray[np.float32]
    own: csr_array | None = None

    def of(self, users: NDArray[np.integer[Any]]) -> csr_array:
        """For single users (B,), (B, M)."""
        if self.own is None:
            return csr_array((len(users), len(self.everyone)), dtype=np.float32)
        return csr_array(self.own[users])

    def at(self, user_index: NDArray[np.int64], movie_index: NDArray[np.int64]) -> NDArray[np.float32]:
        """What is added to pairs of a user and a movie, (P,)."""
        added = self.everyone[movie_index]
        if self.own is not None and len(user_index):
            added = added + np.asarray(self.own[user_index, movie_index]).ravel()
        return added.astype(np.float32)


def standardised(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores of users (B, M), each user's with mean 0 and standard deviation 1."""
    wide = scores.astype(np.float64)
    spread = wide.std(axis=1, keepdims=True)
    return np.asarray((wide - wide.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1))


def boosted(scores: NDArray[np.float32], boosts: Boosts, users: NDArray[np.int64]) -> NDArray[np.float32]:
    """Scores of users (B, M), standardised user by user, with what rules add."""
    standard = standardised(scores) + boosts.everyone
    return np.asarray(standard + boosts.of(users).toarray(), dtype=np.float32)


def _united(one: csr_array, other: csr_array) -> csr_array:
    """Where either has an entry, sorted."""
    both = _ones(one) + _ones(other)
    united = csr_array(both)
    united.sort_indices()
    return united


def _ones(rows: csr_array) -> csr_array:
    return csr_array((np.ones(rows.nnz, dtype=np.int8), rows.indices, rows.indptr), shape=rows.shape)


def _repeated(columns: NDArray[np.int64], rows: int, width: int) -> csr_array:
    indptr = np.arange(rows + 1) * len(columns)
    entries = (np.ones(rows * len(columns), dtype=np.int8), np.tile(columns, rows), indptr)
    return csr_array(entries, shape=(rows, width))
