"""Random 75/25 per user on ml-100k, five seeds, recency off: the protocol of Microsoft's Recommenders."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers import ALS_GRID, BPR_GRID, Als, Bpr, tuned
from benchmarks.report import markdown
from recengine.dataset import Snapshot
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.splits import random_per_user
from recengine.models import make
from recengine.models.base import Model

METRICS = ("ndcg@10", "precision@10", "recall@10", "map@10")
SEEDS = range(5)


def run(snapshot: Snapshot) -> tuple[str, list[dict[str, Any]]]:
    """The table in Markdown and its rows."""
    inner = random_per_user(random_per_user(snapshot, seed=0).train, seed=100)
    als, _ = tuned(Als, ALS_GRID, inner)
    bpr, _ = tuned(Bpr, BPR_GRID, inner)
    contenders: dict[str, Callable[[int], Model]] = {
        "hybrid (ours)": lambda seed: make("hybrid", seed=seed, recency="off").lighter(),
        "ease (ours)": lambda seed: make("ease", seed=seed),
        "implicit ALS": lambda seed: Als(**als, seed=seed),
        "implicit BPR": lambda seed: Bpr(**bpr, seed=seed),
        "popularity": lambda seed: make("popularity"),
    }
    rows = [measure(snapshot, name, contender) for name, contender in contenders.items()]
    header = ("model", *METRICS, "seconds to train")
    cells = [
        [
            row["model"],
            *(f"{row[m]:.4f} ± {row[f'{m} sd']:.4f}" for m in METRICS),
            f"{row['seconds']:.1f}",
        ]
        for row in rows
    ]
    note = (
        "ml-100k, a random 25 % of each user's ratings held out, every held-out rating relevant, full catalogue, "
        "k = 10, mean ± sd over seeds 0-4 (splits and models); MAP and recall divide by the user's held-out "
        f"movies. ALS {als} and BPR {bpr} are tuned on an inner split of seed 0's training part. Published on "
        "one such split: BiVAE nDCG 0.475, P 0.412, R 0.219, MAP 0.146."
    )
    return f"{note}\n\n{markdown(header, cells)}", rows


def measure(snapshot: Snapshot, name: str, contender: Callable[[int], Model]) -> dict[str, Any]:
    """One model over the seeds."""
    values: dict[str, list[float]] = {metric: [] for metric in METRICS}
    seconds = []
    for seed in SEEDS:
        split = random_per_user(snapshot, seed=seed)
        began = time.perf_counter()
        model = contender(seed).fit(split.train)
        seconds.append(time.perf_counter() - began)
        result = evaluate(model, split, ks=(10,))
        for metric in METRICS:
            values[metric].append(result.metrics[metric])
    row: dict[str, Any] = {"model": name, "seconds": float(np.mean(seconds))}
    for metric in METRICS:
        row |= {metric: float(np.mean(values[metric])), f"{metric} sd": float(np.std(values[metric], ddof=1))}
    print(row, flush=True)
    return row
