"""What is known of a user before any rating: which movies people with these attributes rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array, hstack

from recengine.dataset import DECLARED, Snapshot
from recengine.models.parts.closed_form import mean_count, user_weights

ATTRIBUTES = ("gender", "age_band", "age", "occupation", DECLARED)


Total = Callable[
    [Callable[[Snapshot, Mapping[str, Any]], NDArray[np.float32]], Mapping[str, Any]], NDArray[np.float32]
]
"""Called as ``total(work, plan)``: ``models.spread.total`` of a snapshot."""


class AttributePriorConfig(BaseModel):
    """Knobs of the attribute prior; defaults chosen on validation parts of ml-100k with users cut to few ratings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count_exponent: float = Field(0.5, ge=0, le=1, description="Users count (mean n / own n) ** this")
    ridge: float = Field(300.0, gt=0, description="Penalty on the attributes' weights, in users")
    strength: float = Field(0.3, ge=0, description="Weight of the prior for a user without ratings")
    fades_over: float = Field(10.0, gt=0, description="Ratings after which half of that weight is left")


class AttributePrior:
    """Rows regressed on the users' attributes; the more a user rated, the less it counts.

    The constant is not penalised, so that where attributes say nothing the prior is popularity.
    """

    def __init__(self, config: AttributePriorConfig | None = None) -> None:
        self.config = config if config is not None else AttributePriorConfig()
        self.weights = np.zeros((0, 0), dtype=np.float32)  # (1 + A, M)

    def fit(self, snapshot: Snapshot, total: Total | None = None) -> Self:
        """Weighted ridge regression of the rated-at-all rows on a constant and the attributes.

        ``total`` adds up ``sums_of`` over shards of users; without it all users are one.
        """
        plan = {"count_exponent": self.config.count_exponent, "mean_count": mean_count(snapshot)}
        sums = total(sums_of, plan) if total else sums_of(snapshot, plan)  # (1 + A, 1 + A + M)
        normal, target = np.split(sums, [len(sums)], axis=1)
        normal = normal.astype(np.float64)  # (1 + A, 1 + A)
        normal[np.diag_indices(len(normal))] += np.r_[1e-6, np.full(len(normal) - 1, self.config.ridge)]
        self.weights = np.linalg.solve(normal, target).astype(np.float32)
        return self

    def left(self, snapshot: Snapshot, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """Factors (B, 1 + A) of users (B,): times ``weights`` their expected rows, as far as the prior counts."""
        config, counts = self.config, np.diff(snapshot.ratings.indptr)[users]
        strength = config.strength * config.fades_over / (config.fades_over + counts)
        return np.asarray(inputs_of(snapshot)[users].toarray() * strength[:, None])

    def state(self) -> dict[str, torch.Tensor]:
        """The learned weights."""
        return {"weights": torch.from_numpy(self.weights)}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self.weights = state["weights"].numpy()
        return self


def inputs_of(snapshot: Snapshot) -> csr_array:
    """A constant and the attributes, (U, 1 + A)."""
    constant = csr_array(np.ones((snapshot.users, 1), dtype=np.float32))
    return csr_array(hstack([constant, snapshot.user_group(*ATTRIBUTES)], format="csr", dtype=np.float32))


def sums_of(shard: Snapshot, plan: Mapping[str, Any]) -> NDArray[np.float32]:
    """A shard's part of the regression: the inputs with each other, and with the movies, (1 + A, 1 + A + M)."""
    inputs = inputs_of(shard)
    weights = user_weights(shard, float(plan["count_exponent"]), float(plan["mean_count"]))
    weighted = csr_array(inputs.multiply(weights[:, None]))
    # The constant has an entry for every user: SciPy's product takes ten times as long as a count does.
    per_rating = np.repeat(weights, np.diff(shard.ratings.indptr))
    constant = np.bincount(shard.ratings.indices, per_rating, minlength=shard.movies).astype(np.float32)
    others = (weighted[:, 1:].T @ shard.interactions).toarray() if inputs.shape[1] > 1 else []
    return np.hstack([(inputs.T @ weighted).toarray(), np.vstack([constant, *others])])
