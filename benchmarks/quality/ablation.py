"""What each part of ``hybrid`` is worth: the default with one part left out at a time."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks.movielens import canonical_split
from benchmarks.report import markdown
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.metrics import rmse
from recengine.evaluation.splits import Split, random_per_user
from recengine.models import make
from recengine.models.stars import Stars, StarsConfig
from recengine.snapshot import Snapshot

SEEDS = range(5)
SWEEPS = 250

RANKING: dict[str, dict[str, Any]] = {
    "all parts": {},
    "without the low-rank part": {"low_rank_weight": 0},
    "without sittings": {"session_share": 0},
    "without genres and years": {"genre_weight": 0},
    "without star weights": {"star_weight": 0},
    "without the attributes' prior": {"prior": {"strength": 0}},
}


def run(snapshot: Snapshot) -> tuple[str, dict[str, Any]]:
    """Both tables in Markdown and their figures."""
    ranked = {name: ranking(snapshot, knobs) for name, knobs in RANKING.items()}
    full = float(np.mean(ranked["all parts"]))
    cells = [
        [name, f"{np.mean(v):.4f} ± {np.std(v, ddof=1):.4f}", f"{np.mean(v) / full - 1:+.1%}"]
        for name, v in ranked.items()
    ]
    lists = markdown(("hybrid, recency off", "nDCG@10", "change"), cells)
    split = canonical_split(1)
    errors = {
        "all parts": stars(split.train, split),
        "without the set of movies rated": stars(split.train, split, implicit_rank=0),
        "without attributes, genres and years": stars(bare(split.train), split),
    }
    rows = [
        [name, f"{value:.4f}", f"{value / errors['all parts'] - 1:+.2%}"] for name, value in errors.items()
    ]
    note = (
        "Lists: ml-100k, 75/25 per user, seeds 0-4, mean ± sd. Stars: RMSE on u1, seed 0, "
        f"{SWEEPS} sweeps. The parts were chosen on validation splits inside the training parts; what the "
        "prior is for shows in the table of users with few ratings."
    )
    table = markdown(("stars", "RMSE", "change"), rows)
    return f"{note}\n\n{lists}\n\n{table}", {"lists": ranked, "stars": errors}


def ranking(snapshot: Snapshot, knobs: dict[str, Any]) -> list[float]:
    """nDCG@10 of a variant over the seeds."""
    values = []
    began = time.perf_counter()
    for seed in SEEDS:
        split = random_per_user(snapshot, seed=seed)
        model = make("hybrid", seed=seed, recency="off", ranking=knobs, stars={"sweeps": 1})
        values.append(evaluate(model.fit(split.train), split, ks=(10,)).metrics["ndcg@10"])
    print(knobs, values, f"{time.perf_counter() - began:.0f} s", flush=True)
    return values


def stars(train: Snapshot, split: Split, **knobs: Any) -> float:
    """RMSE of a variant of the stars."""
    model = Stars(StarsConfig(sweeps=SWEEPS, **knobs)).fit(train)
    error = rmse(split.test.rating, model.predict(train, split.test.user_index, split.test.movie_index))
    print(knobs, error, flush=True)
    return error


def bare(snapshot: Snapshot) -> Snapshot:
    """The snapshot without any attribute of users or movies."""
    return replace(
        snapshot,
        user_features=csr_array((snapshot.users, 0), dtype=np.float32),
        user_columns=(),
        movie_features=csr_array((snapshot.movies, 0), dtype=np.float32),
        movie_columns=(),
    )
