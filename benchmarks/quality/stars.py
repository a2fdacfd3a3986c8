"""Predicted stars on ml-100k's own splits u1..u5, against Surprise's SVD++ in the same run."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from surprise import Dataset, Reader, SVDpp

from benchmarks.movielens import canonical_split
from benchmarks.report import markdown
from recengine.evaluation.metrics import rmse
from recengine.evaluation.splits import Split
from recengine.models import make
from recengine.models.biases import Biases

SPLITS = range(1, 6)


def run() -> tuple[str, list[dict[str, Any]]]:
    """The table in Markdown and its rows."""
    rows: list[dict[str, Any]] = []
    for name, predict in {
        "hybrid (ours)": ours,
        "Surprise SVD++": svdpp,
        "user and movie biases": biases,
    }.items():
        row: dict[str, Any] = {"model": name, "seconds": []}
        for number in SPLITS:
            split = canonical_split(number)
            began = time.perf_counter()
            predicted = predict(split)
            row["seconds"].append(time.perf_counter() - began)
            row[f"u{number}"] = rmse(split.test.rating, predicted)
        row["mean"] = float(np.mean([row[f"u{number}"] for number in SPLITS]))
        row["seconds"] = float(np.mean(row["seconds"]))
        print(row, flush=True)
        rows.append(row)
    columns = [*(f"u{number}" for number in SPLITS), "mean"]
    cells = [[row["model"], *(f"{row[c]:.4f}" for c in columns), f"{row['seconds']:.0f}"] for row in rows]
    note = (
        "RMSE on ml-100k's canonical splits, seed 0, no test rating seen by anything that chooses. Best honest "
        "published on u1: 0.8854 (Bayesian factorisation machine with side information)."
    )
    return f"{note}\n\n{markdown(('model', *columns, 'seconds'), cells)}", rows


def ours(split: Split) -> np.ndarray:
    """The default model's stars."""
    model = make("hybrid", recency="off").fit(split.train)
    return model.predict(split.train, split.test.user_index, split.test.movie_index)


def svdpp(split: Split) -> np.ndarray:
    """SVD++ with Surprise's defaults (20 factors, 20 epochs)."""
    ratings = split.train.ratings
    frame = pd.DataFrame({"u": split.train.rating_users, "m": ratings.indices, "r": ratings.data})
    data = Dataset.load_from_df(frame, Reader(rating_scale=split.train.scale)).build_full_trainset()
    model = SVDpp(random_state=0).fit(data)
    pairs = zip(split.test.user_index, split.test.movie_index, strict=True)
    return np.array([model.predict(u, m).est for u, m in pairs])


def biases(split: Split) -> np.ndarray:
    """Regularised user and movie biases."""
    return Biases().fit(split.train).predict(split.test.user_index, split.test.movie_index)
