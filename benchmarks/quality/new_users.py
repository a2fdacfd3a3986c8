"""Users with few ratings: 100 users of ml-100k cut down to 0, 1, 3 and 5 training ratings."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.report import markdown
from recengine.dataset import Snapshot
from recengine.evaluation.bootstrap import Bootstrap, paired_difference
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.splits import Split, from_mask
from recengine.models import make

CUT_USERS = 100
KEPT = (0, 1, 3, 5)
SEEDS = range(5)


def run(snapshots: dict[str, Snapshot], processes: int) -> tuple[str, list[dict[str, Any]]]:
    """The table in Markdown and its rows."""
    rows, snapshot = [], snapshots["ml-100k"]
    for kept in KEPT:
        lists: dict[str, list[np.ndarray]] = {"hybrid": [], "ease": [], "popularity": []}
        for seed in SEEDS:
            split = cut_down(snapshot, kept, seed)
            for name, values in lists.items():
                knobs = {"recency": "off", "stars": {"sweeps": 1}} if name == "hybrid" else {}
                result = evaluate(make(name, **knobs).fit(split.train), split, ks=(10,))
                values.append(result.per_user["ndcg@10"])
        pooled = {name: np.concatenate(values) for name, values in lists.items()}
        gap = paired_difference(pooled["hybrid"], pooled["popularity"], Bootstrap(draws=10_000))
        row = {"kept": kept} | {name: float(values.mean()) for name, values in pooled.items()}
        rows.append(row | {"difference": gap.mean, "low": gap.low, "high": gap.high})
        print(rows[-1], flush=True)
    header = ("training ratings left", "hybrid", "ease", "popularity", "hybrid minus popularity")
    cells = [
        [
            row["kept"],
            *(f"{row[name]:.4f}" for name in ("hybrid", "ease", "popularity")),
            f"{row['difference']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]",
        ]
        for row in rows
    ]
    note = (
        f"ml-100k, nDCG@10 of {CUT_USERS} random users per seed (seeds 0-4) whose ratings are cut down to a random "
        "few, everything else of theirs held out; the other users keep all ratings. Recency off; 95 % paired "
        "bootstrap."
    )
    return f"{note}\n\n{markdown(header, cells)}", rows


def cut_down(snapshot: Snapshot, kept: int, seed: int) -> Split:
    """Hold out all but ``kept`` random ratings of 100 random users."""
    random = np.random.default_rng(seed)
    chosen = np.isin(snapshot.rating_users, random.choice(snapshot.users, CUT_USERS, replace=False))
    shuffled = np.lexsort((random.random(snapshot.ratings.nnz), snapshot.rating_users))
    first = np.repeat(snapshot.ratings.indptr[:-1], np.diff(snapshot.ratings.indptr))
    place = np.empty(snapshot.ratings.nnz, dtype=np.int64)
    place[shuffled] = np.arange(snapshot.ratings.nnz) - first
    return from_mask(snapshot, chosen & (place >= kept), source="users cut down", min_train=0)
