"""Global time splits, three rolling cuts per dataset, recency auto, against tuned peers, users pooled."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.parallel import side_by_side
from benchmarks.peers import (
    ALS_GRID,
    BPR_GRID,
    RECENT_GRID,
    Als,
    Bpr,
    RecentPopularity,
    inner_of,
    tuned,
)
from benchmarks.report import markdown
from recengine.dataset import Snapshot
from recengine.evaluation.bootstrap import Bootstrap, paired_difference
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.splits import Split, temporal
from recengine.models import make
from recengine.models.base import Model

UPPER = (0.6, 0.8, 1.0)
SHARE = 0.2
SEEDS = range(3)
DRAWS = Bootstrap(draws=10_000)
OURS = {"hybrid (ours)": "auto", "hybrid, recency off (ours)": "off"}
TUNED = {
    "implicit ALS": (Als, ALS_GRID),
    "implicit BPR": (Bpr, BPR_GRID),
    "recent popularity": (RecentPopularity, RECENT_GRID),
}
SEEDED = (*OURS, "implicit ALS", "implicit BPR")
NAMES = (*OURS, "ease", "implicit ALS", "implicit BPR", "popularity", "recent popularity")

Found = dict[tuple[str, str], np.ndarray]
"""nDCG@10 by model and cut, shape (seeds, users)."""


def run(snapshots: dict[str, Snapshot], processes: int) -> tuple[str, dict[str, Any]]:
    """The table in Markdown and its figures."""
    cuts = {
        f"{dataset} to {upper:.0%}": temporal(snapshot, SHARE, upper)
        for dataset, snapshot in snapshots.items()
        for upper in UPPER
    }
    keys = [(name, cut) for name in NAMES for cut in cuts]
    jobs = [(name, cuts[cut]) for name, cut in keys]
    found = dict(zip(keys, side_by_side(per_user, jobs, processes), strict=True))
    seeded = {name: np.concatenate([found[name, cut] for cut in cuts], axis=1) for name in NAMES}
    pooled = {name: values.mean(axis=0) for name, values in seeded.items()}
    best = max((name for name in NAMES if name not in OURS), key=lambda name: pooled[name].mean())
    first = next(iter(OURS))
    gaps = {name: paired_difference(pooled[first], pooled[name], DRAWS) for name in NAMES if name != first}
    users = len(pooled[first])
    note = (
        f"nDCG@10 on the newest {SHARE:.0%} of the ratings up to each cut, users with training ratings only (their "
        f"number in brackets), full catalogue; a user's value is the mean over seeds 0-{SEEDS[-1]} where a model has "
        f"any chance in it. Pooled: all {users} users ± standard error over users; over seeds: standard deviation of "
        "the pooled mean. Differences by a paired bootstrap over users, 95 %. Peers and recent popularity are tuned "
        f"for each cut on the newest fifth of its training part. Best peer: {best}."
    )
    figures = {
        "pooled": {name: float(values.mean()) for name, values in pooled.items()},
        "by seed": {name: seeded[name].mean(axis=1).tolist() for name in NAMES},
        "differences": {name: [gap.mean, gap.low, gap.high] for name, gap in gaps.items()},
        "users": users,
    }
    return f"{note}\n\n{table(found, list(cuts), seeded, gaps)}", figures


def table(found: Found, cuts: list[str], seeded: dict[str, np.ndarray], gaps: dict[str, Any]) -> str:
    """The Markdown table: a row per model."""
    sizes = [found[NAMES[0], cut].shape[1] for cut in cuts]
    header = (
        "model",
        *(f"{cut} ({size})" for cut, size in zip(cuts, sizes, strict=True)),
        "pooled",
        "over seeds",
        "hybrid minus it",
    )
    rows = []
    for name, values in seeded.items():
        users, seeds = values.mean(axis=0), values.mean(axis=1)
        row = [name, *(f"{found[name, cut].mean():.4f}" for cut in cuts)]
        row.append(f"{users.mean():.4f} ± {users.std(ddof=1) / len(users) ** 0.5:.4f}")
        row.append(f"± {seeds.std(ddof=1):.4f}" if len(seeds) > 1 else "")
        gap = gaps.get(name)
        row.append(f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]" if gap else "")
        rows.append(row)
    return markdown(header, rows)


def per_user(name: str, split: Split) -> np.ndarray:
    """nDCG@10 of every known user of a cut, shape (seeds, users)."""
    knobs: dict[str, Any] = {}
    if name in TUNED:
        kind, grid = TUNED[name]
        knobs, _ = tuned(kind, grid, inner_of(split))
    values = []
    for seed in SEEDS if name in SEEDED else range(1):
        result = evaluate(contender(name, knobs, seed).fit(split.train), split, ks=(10,))
        values.append(result.per_user["ndcg@10"])
    print(split.description[:60], name, round(float(np.mean(values)), 4), flush=True)
    return np.array(values)


def contender(name: str, knobs: dict[str, Any], seed: int) -> Model:
    """An unfitted model."""
    if name in OURS:
        return make("hybrid", seed=seed, recency=OURS[name]).lighter()
    if name in TUNED:
        kind, _ = TUNED[name]
        return kind(**knobs, seed=seed) if name in SEEDED else kind(**knobs)
    return make(name)
