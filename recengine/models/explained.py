"""The exact parts of a model's scores, as far as it knows any: for debiased scores and for boosted ones, too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recengine.dataset import Snapshot
from recengine.models.reasons import RULE, Reasons


class Explained:
    """What a ``Model`` says of its scores; nothing, unless it gives their parts."""

    def score_parts(
        self, snapshot: Snapshot, users: NDArray[np.int64], movies: NDArray[np.int64], k: int
    ) -> Reasons | None:
        """Of what ``score`` consists: what a model overrides that knows it exactly.

        Parameters
        ----------
        snapshot : Snapshot
            The one the model was fitted on.
        users : ndarray of int64, shape (B,)
        movies : ndarray of int64, shape (B, n)
            Movie indices; -1 where a list is shorter.
        k : int
            Most parts by themselves.

        Returns
        -------
        Reasons or None
            Its ``totals`` are the scores within 1e-5; None of a model that cannot take its scores apart exactly.
        """
        return None

    def reasons(
        self,
        snapshot: Snapshot,
        users: NDArray[np.int64],
        movies: NDArray[np.int64],
        k: int,
        boosts: Any = None,
    ) -> Reasons | None:
        """Of what the scores consist that ``best`` gives, debiased and boosted as there.

        Parameters and what it returns are those of ``score_parts``; ``boosts`` are as ``best`` takes them.
        """
        found = self.score_parts(snapshot, users, movies, k)
        if found is None:
            return None
        model: Any = self
        if model._debias is not None:
            if not model.from_zero:
                return None  # counted from a user's lowest score, which is no part of any
            found = found.scaled(model._debias[np.maximum(movies, 0)])
        if boosts is not None:
            mean, spread = _moments(model, snapshot, users)
            found = found.shifted(-mean[:, None]).scaled(1 / spread[:, None])
            found = with_rules(found, users, movies, boosts)
        return found


def with_rules(found: Reasons, users: NDArray[np.int64], movies: NDArray[np.int64], boosts: Any) -> Reasons:
    """With what operators' rules add, movie by movie."""
    owners = np.repeat(users, movies.shape[1])
    added = boosts.at(owners, np.maximum(movies, 0).ravel()).reshape(movies.shape)
    return found.plus(RULE, np.where(movies >= 0, added, 0))


def _moments(
    model: Any, snapshot: Snapshot, users: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each user's scores, both (B,); 1 where all are the same."""
    mean, spread = np.zeros(len(users)), np.ones(len(users))
    for at, user in enumerate(users):
        wide = model.ranked(snapshot, slice(int(user), int(user) + 1)).double().numpy()
        mean[at], spread[at] = wide.mean(), wide.std() or 1.0
    return mean, spread
