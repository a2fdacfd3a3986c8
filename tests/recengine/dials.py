"""A model with two dials: one that plainly matters on planted data, and one that is nothing but luck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from recengine.dataset import Snapshot
from recengine.models.base import Model, ModelConfig, OnProgress, silent
from recengine.models.shared import Kept
from recengine.testing.planted import DAY, snapshot


class DialConfig(ModelConfig):
    """Nothing of either."""

    taste: float = 0.0
    luck: int = 0


class Dial(Model):
    """Popularity, and as much of the movies that go with a user's as ``taste`` says; a little luck."""

    Config: ClassVar[type[ModelConfig]] = DialConfig
    searched: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "luck": (0, 1, 2, 3, 4, 5),
        "taste": (0.0, -1.0, 0.5),
    }
    fits: ClassVar[list[dict[str, Any]]] = []
    pairs: NDArray[np.float64]
    _kept = Kept()

    def sharing(self, kept: Kept) -> Self:
        """The pairs are the same for all."""
        self._kept = kept
        return self

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Count pairs."""
        self.fits.append(self.config.model_dump(exclude={"seed"}))
        rated = snapshot.interactions
        self.pairs = self._kept.get(
            "pairs", lambda: np.asarray((rated.T @ rated).toarray(), dtype=np.float64)
        )
        return self

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        """Popularity, taste and luck."""
        popular = self.pairs.diagonal() / self.pairs.diagonal().max()
        beside = self.pairs - np.diag(self.pairs.diagonal())
        taste = (snapshot.interactions[users] @ beside) / beside.max()
        luck = np.random.default_rng(self.config.luck).random(snapshot.movies) / 10
        return torch.from_numpy((popular + self.config.taste * taste + luck).astype(np.float32))

    def state(self) -> dict[str, torch.Tensor]:
        """The pairs."""
        return {"pairs": torch.from_numpy(self.pairs)}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take them back."""
        self.pairs = state["pairs"].numpy()
        return self


def of_kinds(seed: int, users: int = 240, movies: int = 40, kinds: int = 4, loyalty: float = 0.9) -> Snapshot:
    """Users who rate movies of their kind, all the time; with ``loyalty`` 0 they rate whatever there is."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, kinds, users)[:, None] == np.arange(movies)[None] % kinds
    chance = 0.3 * np.where(own, 1 + loyalty * (kinds - 1), 1 - loyalty)
    stars = 3 * (rng.random((users, movies)) < chance)
    return snapshot(stars, times=rng.integers(10**9, 10**9 + 300 * DAY, (users, movies)))
