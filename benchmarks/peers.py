"""Recommenders that users would pick instead, behind our model interface, so that one evaluation judges all."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
import torch
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from scipy.sparse import csr_matrix

from recengine.dataset import Snapshot
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.splits import Split, temporal
from recengine.models.base import Model, OnProgress, silent
from recengine.models.parts.biases import Biases
from recengine.models.popularity import Popularity

SECONDS_PER_DAY = 86_400


class Implicit(Model):
    """A factor model of the ``implicit`` package; its stars, which it does not predict, are biases."""

    name: ClassVar[str] = "implicit"
    factory: ClassVar[Callable[..., Any]]

    def __init__(self, **knobs: Any) -> None:
        super().__init__()
        self.knobs = knobs

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Fit on 1 where rated."""
        self._biases = Biases().fit(snapshot)
        ones = np.ones(snapshot.ratings.nnz, dtype=np.float32)
        rated = csr_matrix(
            (ones, snapshot.ratings.indices, snapshot.ratings.indptr), shape=snapshot.ratings.shape
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._model = type(self).factory(**self.knobs)
            self._model.fit(rated, show_progress=False)
        return self

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """User factors times movie factors, shape (B, M)."""
        return torch.from_numpy(self._model.user_factors[users] @ self._model.item_factors.T)

    def predict(self, snapshot: Snapshot, user_index: np.ndarray, movie_index: np.ndarray) -> np.ndarray:
        """Stars from biases."""
        return self._biases.predict(user_index, movie_index)

    def state(self) -> dict[str, torch.Tensor]:
        """Not stored: a peer lives as long as the benchmark."""
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Nothing to take back."""
        return self


class Als(Implicit):
    """Implicit-feedback matrix factorisation (Hu, Koren, Volinsky, ICDM 2008)."""

    name: ClassVar[str] = "implicit ALS"

    @staticmethod
    def factory(factors: int, regularization: float, alpha: float, seed: int = 0) -> Any:
        """An unfitted model."""
        return AlternatingLeastSquares(
            factors=factors,
            regularization=regularization,
            alpha=alpha,
            iterations=15,
            random_state=seed,
            num_threads=1,
        )


class Bpr(Implicit):
    """Bayesian personalised ranking (Rendle et al., UAI 2009)."""

    name: ClassVar[str] = "implicit BPR"

    @staticmethod
    def factory(factors: int, learning_rate: float, regularization: float, seed: int = 0) -> Any:
        """An unfitted model."""
        return BayesianPersonalizedRanking(
            factors=factors,
            learning_rate=learning_rate,
            regularization=regularization,
            iterations=200,
            random_state=seed,
            num_threads=1,
        )


class RecentPopularity(Popularity):
    """The most rated movies of the last days before the cut."""

    name: ClassVar[str] = "recent popularity"

    def __init__(self, days: float) -> None:
        super().__init__()
        self.days = days

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Count the newest ratings; all-time counts break the ties."""
        super().fit(snapshot)
        recent = snapshot.rated_at > snapshot.rated_at.max() - self.days * SECONDS_PER_DAY
        counts = np.bincount(snapshot.ratings.indices[recent], minlength=snapshot.movies)
        self._share = (
            torch.from_numpy((counts / max(recent.sum(), 1)).astype(np.float32)) + 1e-6 * self._share
        )
        return self


ALS_GRID = [
    {"factors": f, "regularization": r, "alpha": a}
    for f in (16, 32, 64)
    for r in (0.1, 1.0, 10.0)
    for a in (1.0, 5.0)
]
BPR_GRID = [
    {"factors": f, "learning_rate": lr, "regularization": r}
    for f in (16, 32, 64)
    for lr in (0.02, 0.05)
    for r in (0.01, 0.05)
]
RECENT_GRID = [{"days": d} for d in (7.0, 30.0, 90.0, 365.0, 1095.0)]


def tuned(
    kind: Callable[..., Model], grid: list[dict[str, Any]], inner: Split
) -> tuple[dict[str, Any], float]:
    """The knobs with the best nDCG@10 on an inner split of the training part, and that nDCG@10."""
    values = [evaluate(kind(**knobs).fit(inner.train), inner, ks=(10,)).metrics["ndcg@10"] for knobs in grid]
    best = int(np.argmax(values))
    return grid[best], values[best]


def inner_of(split: Split) -> Split:
    """The newest fifth of a training part: what peers are tuned on."""
    return temporal(split.train, 0.2)
