"""The evaluation on MovieLens 100K, against figures found independently of this package."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from evaluation_fakes import TableModel, snapshot_of

from recengine.dataset import Snapshot
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.evaluate import Evaluation, evaluate
from recengine.evaluation.splits import Split, from_mask, random_per_user, temporal

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def folder() -> Path:
    datasets = os.environ.get("RECENGINE_DATASETS")
    if not datasets:
        pytest.skip("RECENGINE_DATASETS is not set: no MovieLens 100K to evaluate on")
    return Path(datasets) / "ml-100k"


def _read(path: Path) -> tuple[Snapshot, np.ndarray]:
    """All ratings as a snapshot, and user and movie number of each line."""
    lines = np.loadtxt(path, dtype=np.int64)
    at = tuple(lines[:, :2].T - 1)
    stars, rated_at = np.zeros((943, 1682)), np.zeros((943, 1682), dtype=np.int64)
    stars[at], rated_at[at] = lines[:, 2], lines[:, 3]
    return snapshot_of(stars, rated_at[stars > 0]), lines[:, :2]


@pytest.fixture(scope="module")
def snapshot(folder: Path) -> Snapshot:
    return _read(folder / "u.data")[0]


def _popularity(split: Split) -> Evaluation:
    counts = np.bincount(split.train.ratings.indices, minlength=split.train.movies)
    model = TableModel(np.tile(counts, (split.train.users, 1)))
    model.predict = lambda snapshot, users, movies: np.full(len(users), 3.5)  # type: ignore[method-assign]
    return evaluate(model, split, ks=(10,), bootstrap=Bootstrap(draws=100))


def test_popularity_on_a_random_quarter(snapshot: Snapshot) -> None:
    found = _popularity(random_per_user(snapshot, seed=42))
    assert found.counts["judged_users"] == 943
    # nDCG@10 .253 over five seeds; MAP .054, P .223, R .109 on Microsoft's own seed.
    assert found.metrics["ndcg@10"] == pytest.approx(0.25, abs=0.01)
    assert found.metrics["map@10"] == pytest.approx(0.054, abs=0.003)
    assert found.metrics["precision@10"] == pytest.approx(0.223, abs=0.01)
    assert found.metrics["recall@10"] == pytest.approx(0.109, abs=0.01)


def test_popularity_on_the_newest_fifth(snapshot: Snapshot) -> None:
    split = temporal(snapshot)
    assert (split.counts["test_users"], split.counts["new_users"]) == (301, 192)
    found = _popularity(split)
    assert found.metrics["ndcg@10"] == pytest.approx(0.147, abs=0.003)
    low, high = found.intervals["ndcg@10"]
    assert low < 0.13 < 0.16 < high  # 109 users tell little


def test_files_protocol_splits_as_the_files_do(folder: Path, snapshot: Snapshot) -> None:
    _, lines = _read(folder / "u1.test")
    marked = np.zeros((snapshot.users, snapshot.movies), dtype=bool)
    marked[tuple(lines.T - 1)] = True
    split = from_mask(snapshot, marked[snapshot.rating_users, snapshot.ratings.indices], source="u1.test")
    assert (split.counts["train_ratings"], split.counts["test_ratings"]) == (80_000, 20_000)
    base, _ = _read(folder / "u1.base")
    assert (split.train.ratings != base.ratings).nnz == 0
    assert split.train.movie_ids.tolist() == snapshot.movie_ids.tolist()
