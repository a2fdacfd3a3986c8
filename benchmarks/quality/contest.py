"""Lists on every data set, under random splits and in time: ours, as it is and tuned, and rivals tuned as long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.parallel import side_by_side
from benchmarks.rivals import Als, BoostedEase, Ease, MostRated, RecentPopularity, Rival
from benchmarks.tuned import METRIC, Tuned, inner_of, once, tuned
from recengine.dataset import Snapshot
from recengine.evaluation.evaluate import Evaluation, evaluate
from recengine.evaluation.splits import Split, random_per_user, temporal
from recengine.models import make
from recengine.models.base import Model

SEEDS = range(3)
UPPER = (0.6, 0.8, 1.0)
SHARE = 0.2
METRICS = (METRIC, "precision@10", "recall@10", "map@10")
RIVALS: dict[str, type[Rival]] = {
    kind.name: kind for kind in (Ease, Als, BoostedEase, MostRated, RecentPopularity)
}
RECENCY = {"random": "off", "temporal": "auto"}  # what ml-100k's targets and a night ask for
OTHER = {"random": "auto", "temporal": "off"}
OURS = {"hybrid (ours)": RECENCY, "hybrid, recency the other way (ours)": OTHER}
NAMES = (*OURS, *RIVALS)


class Row(NamedTuple):
    """Which data, held out how, and the how-manieth such split."""

    dataset: str
    protocol: str
    number: int


@dataclass(frozen=True)
class Outcome:
    """A contender on one split: every known user's metrics, and what they cost."""

    users: NDArray[np.int64]
    per_user: dict[str, NDArray[np.float64]]
    tuned: Tuned
    fit: float


Found = dict[tuple[str, Row], Outcome]


def splits_of(snapshots: dict[str, Snapshot]) -> dict[Row, Split]:
    """Every split that is judged on."""
    splits = {}
    for dataset, snapshot in snapshots.items():
        for seed in SEEDS:
            splits[Row(dataset, "random", seed)] = random_per_user(snapshot, seed=seed)
        for number, upper in enumerate(UPPER):
            splits[Row(dataset, "time", number)] = temporal(snapshot, SHARE, upper)
    return splits


def measured(snapshots: dict[str, Snapshot], processes: int) -> Found:
    """Every contender on every split, the longest jobs first."""
    splits = splits_of(snapshots)
    keys = [(name, row) for name in reversed(NAMES) for row in reversed(splits)]
    jobs = [(name, row, splits[row]) for name, row in keys]
    return dict(zip(keys, side_by_side(contend, jobs, processes), strict=True))


def contend(name: str, row: Row, split: Split) -> Outcome:
    """Tune inside the training part, fit on all of it, judge on what it did not see."""
    found, contender = prepared(name, split, seed=row.number if row.protocol == "random" else 0)
    began = time.perf_counter()
    model = contender().fit(split.train)
    seconds = time.perf_counter() - began
    judged: Evaluation = evaluate(model, split, ks=(10,))
    print(
        f"{name} on {row.dataset}, {row.protocol} {row.number}: {judged.metrics[METRIC]:.4f}, {found.said}; "
        f"{found.seconds:.0f} + {seconds:.0f} s",
        flush=True,
    )
    return Outcome(judged.users, {metric: judged.per_user[metric] for metric in METRICS}, found, seconds)


def prepared(name: str, split: Split, seed: int) -> tuple[Tuned, Callable[[], Model]]:
    """What the tuning found, and what makes the unfitted model."""
    if name in OURS:
        return Tuned({}, 0, 0.0), lambda: make(
            "hybrid", seed=seed, recency=OURS[name][split.protocol]
        ).lighter()
    kind = RIVALS[name]
    found = tuned(kind, inner_of(split))
    return found, lambda: kind(kind.Config(seed=seed, **found.knobs))


def pooled(found: Found, name: str, rows: list[Row], metric: str = METRIC) -> NDArray[np.float64]:
    """A contender's value of every user of these splits; one of several splits of a data set counts once."""
    outcomes = [(row.dataset, found[name, row]) for row in rows]
    parts = []
    for dataset in dict.fromkeys(row.dataset for row in rows):
        own = [outcome for of, outcome in outcomes if of == dataset]
        users = np.concatenate([outcome.users for outcome in own])
        parts.append(once(users, np.concatenate([outcome.per_user[metric] for outcome in own])))
    return np.concatenate(parts)
