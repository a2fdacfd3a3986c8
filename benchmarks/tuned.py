"""One tuning for all rivals, and what any settings are worth on splits inside a training part."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals import Rival
from recengine.evaluation.evaluate import recommend
from recengine.evaluation.metrics import ranking_metrics
from recengine.evaluation.splits import Split, random_per_user, temporal
from recengine.models.base import Model
from recengine.models.shared import Kept

K = 10
METRIC = f"ndcg@{K}"
UPPER = (1.0, 0.8, 0.6)  # of a training part in time: what was the newest fifth, at three moments


@dataclass(frozen=True)
class Tuned:
    """What a tuning found: the settings, how many fits on an inner split that took, and the seconds."""

    knobs: dict[str, Any]
    trials: int
    seconds: float

    @property
    def said(self) -> str:
        """The settings in a few words."""
        return ", ".join(f"{knob} {value}" for knob, value in self.knobs.items()) or "the defaults"


def inner_of(split: Split) -> list[Split]:
    """Splits of a training part by its own split's protocol: all users once, or three cuts in time."""
    if split.protocol == "random":
        return [random_per_user(split.train, seed=100)]
    cuts = [temporal(split.train, 0.2, upper) for upper in UPPER]
    return [cut for cut in cuts if len(cut.known_users)]


def tuned(kind: type[Rival], inner: Sequence[Split]) -> Tuned:
    """The settings of a rival's grid with the best mean over the users of the inner splits, all tried on all."""
    if len(kind.grid) == 1:
        return Tuned(kind.grid[0], 0, 0.0)
    began = time.perf_counter()
    makers = [partial(kind, kind.Config(**knobs)) for knobs in kind.grid]
    means = by_user(makers, inner).mean(axis=1)
    best = int(np.argmax(means))
    return Tuned(kind.grid[best], len(inner) * len(kind.grid), time.perf_counter() - began)


def by_user(makers: Sequence[Callable[[], Model]], splits: Sequence[Split]) -> NDArray[np.float64]:
    """nDCG@10 of every user of the splits under every recipe, shape (recipes, users): a user counts once.

    The first recipe is fitted whole; the others are trials, which take over from it what a tuning takes over.
    """
    judged, values = list[NDArray[np.int64]](), []
    for split in splits:
        kept = Kept()
        first = makers[0]().sharing(kept).fit(split.train)
        models = [first, *(make().trial(first).sharing(kept).fit(split.train) for make in makers[1:])]
        users, relevant = split.relevance()
        tops = [
            recommend(model, split.train, users, K) for model in models
        ]  # a trial has no stars to be judged
        judged.append(users)
        values.append([ranking_metrics(top, relevant, (K,))[METRIC] for top in tops])
    return once(np.concatenate(judged), np.hstack(values))


def once(users: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of what is known of each user, shape (..., different users), from one or more columns per user."""
    _, place, count = np.unique(users, return_inverse=True, return_counts=True)
    summed = [np.bincount(place, row, len(count)) for row in values.reshape(-1, len(users))]
    return np.reshape(summed, (*values.shape[:-1], len(count))) / count
