"""Global time splits, three rolling cuts per dataset, recency auto, against tuned peers, users pooled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

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
from recengine.evaluation.bootstrap import Bootstrap, paired_difference
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.splits import Split, temporal
from recengine.models import make
from recengine.models.base import Model
from recengine.snapshot import Snapshot

UPPER = (0.6, 0.8, 1.0)
SHARE = 0.2
DRAWS = Bootstrap(draws=10_000)


def run(snapshots: dict[str, Snapshot]) -> tuple[str, dict[str, Any]]:
    """The table in Markdown and its figures."""
    per_user: dict[str, dict[str, np.ndarray]] = {}
    for dataset, snapshot in snapshots.items():
        for upper in UPPER:
            per_user[f"{dataset} to {upper:.0%}"] = one_cut(temporal(snapshot, SHARE, upper))
    names = list(next(iter(per_user.values())))
    pooled = {name: np.concatenate([cut[name] for cut in per_user.values()]) for name in names}
    best = max((name for name in names if not name.endswith("(ours)")), key=lambda name: pooled[name].mean())
    ours = pooled["hybrid (ours)"]
    gaps = {name: paired_difference(ours, pooled[name], DRAWS) for name in names if name != "hybrid (ours)"}
    cells = [
        [
            name,
            *(f"{cut[name].mean():.4f}" for cut in per_user.values()),
            f"{pooled[name].mean():.4f} ± {pooled[name].std(ddof=1) / len(ours) ** 0.5:.4f}",
            f"{gaps[name].mean:+.4f} [{gaps[name].low:+.4f}, {gaps[name].high:+.4f}]" if name in gaps else "",
        ]
        for name in names
    ]
    header = (
        "model",
        *(f"{cut} ({len(v[names[0]])})" for cut, v in per_user.items()),
        "pooled",
        "hybrid minus it",
    )
    note = (
        f"nDCG@10 on the newest {SHARE:.0%} of the ratings up to each cut, users with training ratings only (their "
        f"number in brackets), full catalogue, seed 0. Pooled: all {len(ours)} users ± standard error; differences "
        "by a paired bootstrap, 95 %. Peers and recent popularity are tuned for each cut on the newest fifth of its "
        f"training part. Best peer: {best}."
    )
    figures = {
        "pooled": {name: float(values.mean()) for name, values in pooled.items()},
        "differences": {name: [gap.mean, gap.low, gap.high] for name, gap in gaps.items()},
        "users": len(ours),
    }
    return f"{note}\n\n{markdown(header, cells)}", figures


def one_cut(split: Split) -> dict[str, np.ndarray]:
    """nDCG@10 of every known user, by model."""
    inner = inner_of(split)
    contenders: dict[str, Callable[[], Model]] = {
        "hybrid (ours)": lambda: make("hybrid", recency="auto").lighter(),
        "hybrid, recency off (ours)": lambda: make("hybrid", recency="off").lighter(),
        "ease": lambda: make("ease"),
        "implicit ALS": lambda: Als(**tuned(Als, ALS_GRID, inner)[0]),
        "implicit BPR": lambda: Bpr(**tuned(Bpr, BPR_GRID, inner)[0]),
        "popularity": lambda: make("popularity"),
        "recent popularity": lambda: RecentPopularity(**tuned(RecentPopularity, RECENT_GRID, inner)[0]),
    }
    found = {}
    for name, contender in contenders.items():
        result = evaluate(contender().fit(split.train), split, ks=(10,))
        found[name] = result.per_user["ndcg@10"]
        print(split.description[:60], name, round(float(found[name].mean()), 4), flush=True)
    return found
