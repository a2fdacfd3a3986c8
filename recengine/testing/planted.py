"""Small snapshots whose right answer is known, shared by the ranking models' tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.dataset import Snapshot, genre_counts, registration_months
from recengine.models.base import Model

DAY = 86_400


def snapshot(
    stars: NDArray[np.number[Any]],
    *,
    times: NDArray[np.int64] | None = None,
    users: dict[str, Sequence[float]] | None = None,
    movies: dict[str, Sequence[float]] | None = None,
) -> Snapshot:
    """A snapshot of a dense star matrix (0: not rated), ids from 1; ``times`` in seconds, shaped alike."""
    ratings = csr_array(stars.astype(np.float32))
    rows, columns = stars.nonzero()
    rated_at = np.full(len(rows), 10**9, dtype=np.int64) if times is None else times[rows, columns]
    user_columns, movie_columns = users or {}, movies or {}

    def features(columns: dict[str, Sequence[float]], height: int) -> csr_array:
        if not columns:
            return csr_array((height, 0), dtype=np.float32)
        return csr_array(np.array(list(columns.values()), dtype=np.float32).T)

    movie_features = features(movie_columns, stars.shape[1])
    genres = movie_features[:, [i for i, c in enumerate(movie_columns) if c.startswith("genre=")]]
    return Snapshot(
        fingerprint="planted",
        dataset="planted",
        scale=(1.0, 5.0),
        user_ids=np.arange(1, stars.shape[0] + 1),
        movie_ids=np.arange(1, stars.shape[1] + 1),
        ratings=ratings,
        rated_at=rated_at,
        genre_counts=genre_counts(ratings, genres),
        registration_months=registration_months(ratings, rated_at),
        user_features=features(user_columns, stars.shape[0]),
        movie_features=movie_features,
        user_columns=tuple(user_columns),
        movie_columns=tuple(movie_columns),
    )


def checkerboard(users: int = 40, movies: int = 20) -> tuple[Snapshot, NDArray[np.int64]]:
    """Even users rated the even movies, odd users the odd ones, each all but one: that one is the answer.

    Returns the snapshot and, per user, the index of the movie that was left out.
    """
    board = (np.add.outer(np.arange(users), np.arange(movies)) % 2 == 0).astype(np.float32)
    missing = (np.arange(users) + 2 * (np.arange(users) // 2)) % movies
    board[np.arange(users), missing] = 0
    return snapshot(board * 4), missing


def tiny() -> Snapshot:
    """Three users, four movies; nobody rated the last movie, the last user rated nothing."""
    return snapshot(np.array([[5, 3, 0, 0], [0, 4, 2, 0], [0, 0, 0, 0]], dtype=np.float32))


def best_unseen(model: Model, data: Snapshot) -> NDArray[np.int64]:
    """The unseen movie each user would get first, int64 of shape (U,)."""
    scores = model.score(data, slice(0, data.users)).numpy().copy()
    scores[data.ratings.toarray() > 0] = -np.inf
    return np.asarray(scores.argmax(1))


def tastes(seed: int = 0) -> Snapshot:
    """160 users of four kinds who rate their own kind's dozen of 48 movies, some of which everybody prefers.

    Stars are a user's and a movie's own bias, and .8 more or less by whether the two's kinds get on.
    """
    rng = np.random.default_rng(seed)
    user, movie = np.arange(160)[:, None], np.arange(48)[None]
    appeal = np.linspace(1.6, 0.2, 48)[rng.permutation(48)]
    rated = rng.random((160, 48)) < np.where(user % 4 == movie % 4, 0.6, 0.05) * appeal
    biases = rng.choice([-0.6, 0.6], (160, 1)) + rng.choice([-0.6, 0.6], (1, 48))
    taste = np.where(user // 4 % 2 == movie // 4 % 2, 0.8, -0.8)
    stars = np.clip(3 + biases + taste + rng.normal(0, 0.2, (160, 48)), 1, 5)
    return snapshot(np.where(rated, stars, 0))
