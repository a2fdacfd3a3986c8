"""Trials: a recipe fitted on a split's training part, and its lists measured user by user."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recengine.errors import NotFinite
from recengine.evaluation.evaluate import recommend
from recengine.evaluation.metrics import ranking_metrics
from recengine.evaluation.splits import Split
from recengine.models import make
from recengine.models.base import Model
from recengine.models.recipes import Recipe, with_settings
from recengine.models.shared import Kept
from recengine.tuning.search import Outcome, Settings, key_of

FIRST_COSTS = 4  # times another trial


class Bench:
    """Judges settings of a recipe on some splits; what a split's trials can share is made once.

    Parameters
    ----------
    recipe : Recipe
        What settings are added to.
    splits : sequence of Split
    metric : str
        A rank metric at a cut-off, "ndcg@10".
    device : str
        Where to fit.
    """

    def __init__(self, recipe: Recipe, splits: Sequence[Split], metric: str, device: str = "cpu") -> None:
        self.recipe, self.splits, self.metric, self.device = recipe, splits, metric, device
        self.seconds = 0.0  # of the last trial
        self._judged = 0
        self._shared = [Kept() for _ in splits]
        self._untuned: Model | None = None  # on the newest split; what it learned of time serves all alike
        self._measured: dict[tuple[str, int], NDArray[np.float64]] = {}

    @property
    def expected(self) -> float:
        """Seconds that another trial may take: the first one also replays the past, which others need not."""
        return self.seconds / (FIRST_COSTS if self._judged == 1 else 1)

    def judge(self, settings: Settings, against: Settings, split: int) -> Outcome:
        """Settings on the split of a number, next to what they are tried against."""
        began = time.perf_counter()
        theirs = self._of(against, split)
        ours = self._of(settings, split)
        gains, users = ours - theirs, len(ours)
        error = float(gains.std(ddof=1)) / math.sqrt(users) if users > 1 else math.inf
        self.seconds, self._judged = time.perf_counter() - began, self._judged + 1
        return Outcome(float(ours.mean()), float(gains.mean()), error, users)

    def _of(self, settings: Settings, split: int) -> NDArray[np.float64]:
        """The metric of every judged user, (E,)."""
        name = key_of(settings), split
        if name not in self._measured:
            self._measured[name] = self._measure(settings, split)
        return self._measured[name]

    def _measure(self, settings: Settings, split: int) -> NDArray[np.float64]:
        users, relevant = self.splits[split].relevance()
        length = int(self.metric.rpartition("@")[2])
        try:
            model = self._fitted(settings, split)
            top = recommend(model, self.splits[split].train, users, length)
        except NotFinite:  # these settings cannot be computed with: no list of theirs is any good
            return np.zeros(len(users))
        return ranking_metrics(top, relevant, [length])[self.metric]

    def _fitted(self, settings: Settings, split: int) -> Model:
        if self._untuned is None:
            self._untuned = self._fit(make(self.recipe.model, **self.recipe.config).trial(), 0)
        if not settings and split == 0:
            return self._untuned
        asked = with_settings(self.recipe, settings)
        return self._fit(make(asked.model, **asked.config).trial(self._untuned), split)

    def _fit(self, model: Model, split: int) -> Model:
        return model.sharing(self._shared[split]).fit(self.splits[split].train, device=self.device)
