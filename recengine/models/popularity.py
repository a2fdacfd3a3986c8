"""Popularity: everybody gets the most rated movies. The baseline, and the fallback for unknown users."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from recengine.dataset import Snapshot
from recengine.models.base import Model, OnProgress, silent
from recengine.models.parts.biases import Biases
from recengine.models.reasons import POPULARITY, Reasons
from recengine.models.spread import OverShards, Plan, total


class Popularity(OverShards, Model):
    """Scores are the movies' shares of all users; predicted stars are regularised biases."""

    name: ClassVar[str] = "popularity"
    from_zero: ClassVar[bool] = True

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Count the ratings of every movie."""
        counts = total(snapshot, counts_of, {}, self.spread)
        self._share = torch.from_numpy((counts / max(snapshot.users, 1)).astype(np.float32))
        self._biases = Biases().fit(snapshot)
        return self

    def fold_in(self, snapshot: Snapshot, others: Snapshot) -> Self:
        """The same scores for anybody; user biases from the others' ratings, exactly as in a fit."""
        folded = copy.copy(self)
        folded._biases = self._biases.fold_in(others)
        return folded

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """The same scores for every user of the block, shape (B, M)."""
        start, stop, _ = users.indices(snapshot.users)
        return self._share.expand(stop - start, -1).clone()

    def score_parts(
        self, snapshot: Snapshot, users: NDArray[np.int64], movies: NDArray[np.int64], k: int
    ) -> Reasons:
        """One part: how many rated the movie."""
        shares = np.where(movies >= 0, self._share.numpy()[movies], 0)
        return Reasons.nothing(movies.shape, k).plus(POPULARITY, shares)

    def predict(
        self,
        snapshot: Snapshot,
        user_index: NDArray[np.integer[Any]],
        movie_index: NDArray[np.integer[Any]],
    ) -> NDArray[np.float32]:
        """Stars from user and movie biases."""
        return self._biases.predict(user_index, movie_index)

    def state(self) -> dict[str, torch.Tensor]:
        """Shares of the movies and the biases."""
        return {"share": self._share} | self._biases.state()

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self._share = state["share"]
        self._biases = Biases().restore(state)
        return self


def counts_of(shard: Snapshot, plan: Plan) -> NDArray[np.int64]:
    """How many of a shard's users rated each movie, (M,)."""
    return np.bincount(shard.ratings.indices, minlength=shard.movies)
