"""Predicted stars on ml-100k's own splits u1..u5, three seeds, against Surprise's SVD++ in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from surprise import Dataset, Reader, SVDpp

from benchmarks.parallel import side_by_side
from benchmarks.realdata import canonical_split
from benchmarks.report import markdown
from recengine.dataset import Snapshot
from recengine.evaluation.metrics import rmse
from recengine.evaluation.splits import Split
from recengine.models.hybrid import Hybrid, HybridConfig
from recengine.models.parts.biases import Biases

NUMBERS = range(1, 6)
SEEDS = range(3)


def run(snapshots: dict[str, Snapshot], processes: int) -> tuple[str, list[dict[str, Any]]]:
    """The table in Markdown and its rows."""
    splits = [canonical_split(number) for number in NUMBERS]
    rows = [
        measure("hybrid (ours)", ours, splits, SEEDS, processes),
        measure("Surprise SVD++", svdpp, splits, SEEDS, processes),
        measure("user and movie biases", biases, splits, range(1), processes),
    ]
    columns = (*(f"u{number}" for number in NUMBERS), "mean")
    cells = [[row["model"], *(spread(row[c]) for c in columns), f"{row['seconds']:.0f}"] for row in rows]
    note = (
        f"RMSE on ml-100k's canonical splits, mean ± sd over the models' seeds 0-{SEEDS[-1]}, no test rating seen by "
        "anything that chooses. Seconds: one fit and its predictions, of stars and lists alike, while "
        f"{processes} fits run beside each other in processes of one thread. Best honest published on u1: 0.8854 "
        "(Bayesian factorisation machine with side information)."
    )
    return f"{note}\n\n{markdown(('model', *columns, 'seconds'), cells)}", rows


def measure(
    name: str, predict: Callable[[Split, int], np.ndarray], splits: list[Split], seeds: range, processes: int
) -> dict[str, Any]:
    """RMSE of one model by split, a value per seed, and the mean seconds of a fit."""
    jobs = [(predict, split, seed) for seed in seeds for split in splits]
    found = np.reshape(side_by_side(judged, jobs, processes), (len(seeds), len(splits), 2))
    errors, seconds = found[..., 0], float(found[..., 1].mean())
    row: dict[str, Any] = {"model": name, "seconds": seconds, "mean": errors.mean(axis=1).tolist()}
    row |= {f"u{number}": errors[:, at].tolist() for at, number in enumerate(NUMBERS)}
    print(row, flush=True)
    return row


def judged(predict: Callable[[Split, int], np.ndarray], split: Split, seed: int) -> tuple[float, float]:
    """RMSE and seconds of one fit."""
    began = time.perf_counter()
    predicted = predict(split, seed)
    return rmse(split.test.rating, predicted), time.perf_counter() - began


def spread(values: list[float]) -> str:
    """Mean ± standard deviation; the value alone where there is one."""
    mean = f"{np.mean(values):.4f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.4f}"


def ours(split: Split, seed: int) -> np.ndarray:
    """The default model's stars."""
    model = Hybrid(HybridConfig(recency="off", seed=seed)).fit(split.train)
    return model.predict(split.train, split.test.user_index, split.test.movie_index)


def svdpp(split: Split, seed: int) -> np.ndarray:
    """SVD++ with Surprise's defaults (20 factors, 20 epochs)."""
    ratings = split.train.ratings
    frame = pd.DataFrame({"u": split.train.rating_users, "m": ratings.indices, "r": ratings.data})
    data = Dataset.load_from_df(frame, Reader(rating_scale=split.train.scale)).build_full_trainset()
    model = SVDpp(random_state=seed).fit(data)
    pairs = zip(split.test.user_index, split.test.movie_index, strict=True)
    return np.array([model.predict(u, m).est for u, m in pairs])


def biases(split: Split, seed: int) -> np.ndarray:
    """Regularised user and movie biases; nothing random in them."""
    return Biases().fit(split.train).predict(split.test.user_index, split.test.movie_index)
