"""What users would pick instead, behind our model interface: one judge and one tuning for all, at any size.

Each says which settings it is tuned over (``grid``). None predicts stars or is stored: a rival lives as long as the
benchmark.
"""

from __future__ import annotations

import itertools
import warnings
from typing import Any, ClassVar, Self

import numpy as np
import torch
from implicit.als import AlternatingLeastSquares
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_matrix

from recengine.dataset import Snapshot
from recengine.models import make
from recengine.models.base import Model, ModelConfig, OnProgress, silent
from recengine.models.kernels.standard import standardised
from recengine.models.parts.recency_boost import RecencyBoost, RecencyBoostConfig
from recengine.runtime.resources import cores

SECONDS_PER_DAY = 86_400
LEAST_RATINGS = 3  # as in ours: a movie with fewer is left to how many rated it
MOST_MOVIES = 4_000
RIDGES = (25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0)

Settings = tuple[dict[str, Any], ...]


def grid(**values: tuple[Any, ...]) -> Settings:
    """Every combination of the knobs' values."""
    return tuple(dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values()))


class Rival(Model):
    """A model that is only measured."""

    name: ClassVar[str] = "rival"
    grid: ClassVar[Settings] = ({},)

    def state(self) -> dict[str, torch.Tensor]:
        """Not stored."""
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Nothing to take back."""
        return self


class MostRated(Rival):
    """The most rated movies of all time, the same for everybody."""

    name: ClassVar[str] = "popularity"

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Count."""
        self._counts = self._weighted(snapshot, np.ones(snapshot.ratings.nnz))
        return self

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """The same for every user, (B, M)."""
        start, stop, _ = users.indices(snapshot.users)
        return torch.from_numpy(self._counts.astype(np.float32)).expand(stop - start, -1).clone()

    def _weighted(self, snapshot: Snapshot, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(snapshot.ratings.indices, weights, snapshot.movies), dtype=np.float64)


class RecentConfig(ModelConfig):
    """How fast a rating fades."""

    half_life: float = Field(30.0, gt=0, description="In days")


class RecentPopularity(MostRated):
    """The most rated movies, where a rating counts half as much every so many days."""

    name: ClassVar[str] = "recent popularity"
    Config: ClassVar[type[ModelConfig]] = RecentConfig
    grid: ClassVar[Settings] = grid(half_life=(0.25, 0.5, 1.0, 3.0, 7.0, 14.0, 30.0, 90.0, 365.0, 1095.0))

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Count what faded; all-time counts break the ties."""
        super().fit(snapshot)
        days = (snapshot.rated_at.max() - snapshot.rated_at) / SECONDS_PER_DAY
        recent = self._weighted(snapshot, np.exp2(-days / self.config.half_life))
        self._counts = recent + 1e-6 * self._counts / max(self._counts.max(), 1)
        return self


class AlsConfig(ModelConfig):
    """The package's defaults."""

    factors: int = Field(64, ge=1, description="Numbers that a user and a movie are described by")
    regularization: float = Field(0.01, ge=0, description="Penalty on them")
    alpha: float = Field(1.0, gt=0, description="Weight of a rated movie over one that was not")


class Als(Rival):
    """Implicit-feedback matrix factorisation (Hu, Koren, Volinsky, ICDM 2008) by the package ``implicit``."""

    name: ClassVar[str] = "iALS"
    Config: ClassVar[type[ModelConfig]] = AlsConfig
    grid: ClassVar[Settings] = grid(
        factors=(8, 16, 32, 64), alpha=(0.3, 1.0, 5.0), regularization=(10.0, 30.0, 100.0)
    )

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Fit on 1 where rated."""
        config, ratings = self.config, snapshot.ratings
        ones = np.ones(ratings.nnz, dtype=np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about BLAS and its threads
            self._model = AlternatingLeastSquares(
                factors=config.factors,
                regularization=config.regularization,
                alpha=config.alpha,
                random_state=config.seed,
                num_threads=cores(),
            )
            rated = csr_matrix((ones, ratings.indices, ratings.indptr), shape=ratings.shape)
            self._model.fit(rated, show_progress=False)
        return self

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """User factors times movie factors, (B, M)."""
        return torch.from_numpy(self._model.user_factors[users] @ self._model.item_factors.T)


class EaseConfig(ModelConfig):
    """EASE's one knob."""

    ridge: float = Field(400.0, gt=0, description="Penalty on the weights, in ratings")


class Ease(Rival):
    """EASE (Steck, WWW 2019), with genres and attributes where there are any: the product's own ``ease``."""

    name: ClassVar[str] = "EASE"
    Config: ClassVar[type[ModelConfig]] = EaseConfig
    grid: ClassVar[Settings] = grid(ridge=RIDGES)

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Solve for the movies with ratings enough."""
        enough = np.bincount(snapshot.ratings.indices, minlength=1) >= LEAST_RATINGS
        head = int(np.clip(enough.sum(), 1, MOST_MOVIES))
        self._ease = make("ease", ridge=self.config.ridge, most_movies=head).fit(snapshot, device=device)
        return self

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """The user's movies times the weights, (B, M)."""
        return self._ease.score(snapshot, users)


class BoostedEaseConfig(EaseConfig):
    """The ridge, and whether there is a boost at all."""

    boost: bool = Field(True, description="Learn how much to boost what is popular now")


class BoostedEase(Ease):
    """EASE and on top of it our own recency boost, learned by replaying the past with EASE."""

    name: ClassVar[str] = "EASE + recency boost"
    Config: ClassVar[type[ModelConfig]] = BoostedEaseConfig
    grid: ClassVar[Settings] = grid(boost=(True, False), ridge=RIDGES)

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__(config)
        self.recency = RecencyBoost()
        self._earlier: RecencyBoost | None = None

    def trial(self, default: Self | None = None) -> Self:
        """What was learned about recency is kept, as in the trials of ours."""
        trial = type(self)(self.config)
        trial._earlier = None if default is None else default.recency
        return trial

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Fit EASE on everything, and on the past at each cut of the replay."""
        super().fit(snapshot, device=device)
        if not self.config.boost:
            return self
        if self._earlier is None:
            self.recency.learn(snapshot, self._past, RecencyBoostConfig(), self.config.seed)
        else:
            self.recency.carry_over(self._earlier, snapshot, RecencyBoostConfig())
        return self

    def _past(self, part: Snapshot) -> Any:
        ease = Ease(self.config).fit(part)

        def scores(users: NDArray[np.int64]) -> NDArray[np.float32]:
            every = ease.score(part, slice(int(users[0]), int(users[-1]) + 1)).numpy()
            return np.asarray(every[users - users[0]])

        return scores

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """Standardised and boosted, (B, M)."""
        scores, boost = super().score(snapshot, users), self.recency.weighted
        return scores if boost is None else torch.from_numpy(standardised(scores.numpy()) + boost)
