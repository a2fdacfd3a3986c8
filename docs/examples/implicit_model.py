"""Any factor model of the ``implicit`` package as a model of the nightly run: a model from outside, start to end.

``PYTHONPATH=docs/examples recengine run --model implicit_model:Implicit`` trains ALS, judges it against popularity
and what is published, and publishes it if it is good enough. Needs ``pip install implicit``.
"""

import warnings
from typing import Any, Literal, Self

import torch
from implicit.cpu import als, bpr, lmf
from pydantic import Field
from scipy.sparse import csr_matrix

from recengine.dataset import Snapshot
from recengine.models.base import Model, ModelConfig, OnProgress, silent

KINDS = {
    "als": als.AlternatingLeastSquares,
    "bpr": bpr.BayesianPersonalizedRanking,
    "lmf": lmf.LogisticMatrixFactorization,
}


class ImplicitConfig(ModelConfig):
    """Which model, and what it is told."""

    kind: Literal["als", "bpr", "lmf"] = Field("als", description="Least squares, BPR or logistic")
    factors: int = Field(16, ge=1, description="Latent factors; more where there are millions of ratings")
    settings: dict[str, Any] = Field({}, description="Further arguments of implicit's class, such as alpha")


class Implicit(Model):
    """Users' factors times movies'; it ranks, and predicts no stars."""

    Config = ImplicitConfig

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Fit on 1 where rated; one thread, because more would race and give other bits each time."""
        config = self.config
        told = {"factors": config.factors, "random_state": config.seed, "num_threads": 1} | config.settings
        model = KINDS[config.kind](**told)
        with warnings.catch_warnings(action="ignore"):  # about threads that are ours to set
            model.fit(csr_matrix(snapshot.interactions, copy=True), show_progress=False)  # ours is read-only
        return self.restore({"users": model.user_factors, "movies": model.item_factors})

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """Inner products, (B, M)."""
        return self.factors["users"][users] @ self.factors["movies"].T

    def state(self) -> dict[str, torch.Tensor]:
        """The factors of users, (U, K), and movies, (M, K)."""
        return self.factors

    def restore(self, state: dict[str, Any]) -> Self:
        """Take back what ``state`` gave."""
        self.factors = {name: torch.as_tensor(factors) for name, factors in state.items()}
        return self
