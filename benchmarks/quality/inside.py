"""What recipes of ours are worth on splits inside training parts, on every data set and by both protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.parallel import side_by_side
from benchmarks.quality.contest import RECENCY, SHARE
from benchmarks.tuned import by_user, inner_of
from recengine.dataset import Snapshot
from recengine.evaluation.splits import Split, random_per_user, temporal
from recengine.models import make
from recengine.models.recipes import Recipe

Knobs = Mapping[str, Any]
"""Nested, as a recipe has them."""


class Change(NamedTuple):
    """How much a recipe's nDCG@10 differs from the first one's, over the users, and its standard error; in shares."""

    mean: float
    error: float


def columns_of(snapshots: dict[str, Snapshot]) -> dict[str, list[Split]]:
    """Splits inside the training part of each data set and protocol: no test rating is in them."""
    columns = {}
    for dataset, snapshot in snapshots.items():
        columns[f"{dataset}, random"] = inner_of(random_per_user(snapshot, seed=0))
        columns[f"{dataset}, time"] = inner_of(temporal(snapshot, SHARE))
    return columns


def judged(
    groups: Mapping[str, Sequence[Knobs]], columns: dict[str, list[Split]], processes: int
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """nDCG@10 of every user under every recipe of a group, shape (recipes, users), by group and column."""
    keys = [(group, column) for column in reversed(columns) for group in groups]
    jobs = [(group, column, groups[group], columns[column]) for group, column in keys]
    return dict(zip(keys, side_by_side(_judge, jobs, processes), strict=True))


def _judge(group: str, column: str, recipes: Sequence[Knobs], splits: list[Split]) -> NDArray[np.float64]:
    recency = RECENCY[splits[0].protocol]
    asked = [Recipe(model="hybrid", config={"recency": recency, **knobs}) for knobs in recipes]
    values = by_user([partial(make, one.model, **one.config) for one in asked], splits)
    print(group, column, values.mean(axis=1).round(4).tolist(), flush=True)
    return values


def changes(values: NDArray[np.float64]) -> list[Change]:
    """Every recipe's change from the first, over the users and relative to the first one's mean."""
    base = values[0].mean()
    differences = (values - values[0]) / base
    errors = differences.std(axis=1, ddof=1) / values.shape[1] ** 0.5
    return [
        Change(float(mean), float(error))
        for mean, error in zip(differences.mean(axis=1), errors, strict=True)
    ]
