"""Small snapshots and a model whose scores are a table, for the tests of the evaluation."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from scipy.sparse import csr_array, random_array

from recengine.dataset import Snapshot
from recengine.models.base import Model, OnProgress, silent

GENRES = ("genre=Action", "genre=Comedy", "genre=Drama")


def snapshot_of(
    stars: np.ndarray, rated_at: np.ndarray | None = None, genres: np.ndarray | None = None
) -> Snapshot:
    """A snapshot from a dense table of stars, shape (U, M), 0 where unrated; times row by row."""
    ratings = csr_array(stars.astype(np.float32))
    users, movies = ratings.shape
    every = np.ones(ratings.nnz, dtype=bool)
    one_each = np.eye(len(GENRES))[np.arange(movies) % len(GENRES)]
    bare = Snapshot(
        fingerprint="test",
        dataset="test",
        scale=(1.0, 5.0),
        user_ids=np.arange(users) * 10 + 1,
        movie_ids=np.arange(movies) * 3 + 2,
        ratings=ratings,
        rated_at=np.arange(ratings.nnz) if rated_at is None else rated_at,
        genre_counts=csr_array((users, len(GENRES)), dtype=np.float32),
        registration_months=np.zeros(users, dtype=np.float32),
        user_features=csr_array((users, 0), dtype=np.float32),
        movie_features=csr_array(one_each if genres is None else genres, dtype=np.float32),
        user_columns=(),
        movie_columns=GENRES,
    )
    return bare.where(every)


def random_snapshot(seed: int, users: int = 40, movies: int = 30, density: float = 0.3) -> Snapshot:
    """Random stars at random times with many ties in time; some users may have no rating."""
    rng = np.random.default_rng(seed)
    rated = random_array((users, movies), density=density, rng=rng).toarray() > 0
    stars = rated * rng.integers(1, 6, size=(users, movies))
    return snapshot_of(stars, rng.integers(0, 200, size=int(rated.sum())))


class TableModel(Model):
    """Scores and predictions read from a table, shape (U, M); counts how often it was fitted."""

    name = "table"

    def __init__(self, table: np.ndarray) -> None:
        super().__init__()
        self.table = torch.as_tensor(table, dtype=torch.float32)
        self.fits = 0
        self.blocks: list[slice] = []

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        self.fits += 1
        return self

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        self.blocks.append(users)
        return self.table[users].clone()

    def predict(self, snapshot: Snapshot, user_index: np.ndarray, movie_index: np.ndarray) -> np.ndarray:
        return self.table[user_index, movie_index].numpy()

    def state(self) -> dict[str, torch.Tensor]:
        return {"table": self.table}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        self.table = state["table"]
        return self
