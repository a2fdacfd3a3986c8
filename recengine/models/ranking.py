"""The default model's ranking: two autoencoders of the rated-at-all matrix and a prior, added up.

Both reconstruct the matrix [ratings; genres]: a row per user, 1 where a movie was rated and somewhat more
or less by its stars, and below them a row per genre and per span of release years, 1 for its movies.

1. A full-rank shallow one, in closed form (``gram``): every movie from the user's other movies; pairs of
   movies rated in one sitting count most.
2. A low-rank one (``low_rank``): it sees through 32 numbers what the first finds pair by pair.
3. What the user's attributes say (``prior``), which carries users with few ratings.

All three estimate the same thing, the user's row of zeros and ones, so that they can simply be added.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array, vstack

from recengine.models.base import OnProgress, silent
from recengine.models.gram import pair_sums, user_weights, zero_diagonal_ridge
from recengine.models.low_rank import LowRank, LowRankConfig
from recengine.models.prior import Prior, PriorConfig
from recengine.snapshot import Snapshot

GENRES = ("genre", "year_bin")
LEAST_WEIGHT = 0.1  # of a rating, however few its stars: that it was rated at all says most


class RankingConfig(BaseModel):
    """Knobs of the ranking; defaults chosen on validation parts of ml-100k and ml-latest-small."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ridge: float = Field(350.0, gt=0, description="Penalty on the closed form's weights, in ratings")
    star_weight: float = Field(
        0.3, ge=0, description="A rating counts 1 + this x (stars - the user's mean); 0: stars do not matter"
    )
    genre_weight: float = Field(
        3.0, ge=0, description="Weight of a genre's row in the closed form; 0 leaves genres and years out"
    )
    count_exponent: float = Field(0.5, ge=0, le=1, description="Users count (mean n / own n) ** this")
    session_share: float = Field(0.9, ge=0, le=1, description="Share of a pair's weight tied to one sitting")
    session_hours: float = Field(0.2, gt=0, description="Time scale of a sitting")
    min_ratings: int = Field(3, ge=1, description="Movies with fewer ratings are left to the prior")
    most_movies: int = Field(20_000, ge=1, description="Most movies in the autoencoders: the most rated ones")
    low_rank_weight: float = Field(1.0, ge=0, description="Weight of the low-rank part; 0 leaves it out")
    low_rank: LowRankConfig = LowRankConfig()
    prior: PriorConfig = PriorConfig()


class Ranking:
    """Ranking scores of any users of a snapshot for all movies.

    Notes
    -----
    The closed form is dense in the H movies of its head: about 12 H^2 bytes while fitting, H^3 time.
    """

    def __init__(self, config: RankingConfig | None = None, seed: int = 0) -> None:
        self.config = config if config is not None else RankingConfig()
        self.head = np.zeros(0, dtype=np.int64)  # (H,) movies in the autoencoders
        self.weights = np.zeros((0, 0), dtype=np.float32)  # (H, H)
        self.low_rank = LowRank(self.config.low_rank, seed)
        self.prior = Prior(self.config.prior)

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Fit the three parts on all ratings."""
        config, users = self.config, user_weights(snapshot, self.config.count_exponent)
        self.head = _head(snapshot, config.min_ratings, config.most_movies)
        rows = _columns(_weighted(snapshot.ratings, config.star_weight), self.head)  # (U, H)
        rated_at = snapshot.rated_at[np.isin(snapshot.ratings.indices, self.head)]
        genres = snapshot.movie_group(*(GENRES if config.genre_weight else ()))[self.head]  # (H, C)
        self.prior.fit(snapshot, users)
        if config.low_rank_weight:
            stacked = csr_array(vstack([rows, genres.T], format="csr"))  # (U + C, H)
            self.low_rank.fit(stacked, device=device, on_progress=on_progress)
        on_progress("closed form", 0, 1)
        gram = pair_sums(rows, rated_at, users, config.session_share, config.session_hours)
        gram += config.genre_weight**2 * (genres @ genres.T).toarray()
        self.weights = zero_diagonal_ridge(gram, config.ridge, outputs=len(self.head), device=device)
        on_progress("closed form", 1, 1)
        return self

    def score(self, snapshot: Snapshot, users: slice | np.ndarray) -> np.ndarray:
        """Scores of a block of users, float32 of shape (B, M); a user's do not depend on the block."""
        scores = self.prior.score(snapshot, users)  # (B, M)
        rows = _weighted(snapshot.ratings[users], self.config.star_weight)
        scores[:, self.head] += rows[:, self.head] @ self.weights
        if self.config.low_rank_weight:
            scores[:, self.head] += self.config.low_rank_weight * self.low_rank.score(users)
        return scores.astype(np.float32)

    def state(self) -> dict[str, torch.Tensor]:
        """The learned tensors by name."""
        own = {"head": torch.from_numpy(self.head), "weights": torch.from_numpy(self.weights)}
        parts = {"prior": self.prior.state(), "low_rank": self.low_rank.state()}
        return own | {f"{part}.{name}": t for part, state in parts.items() for name, t in state.items()}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self.head, self.weights = state["head"].numpy(), state["weights"].numpy()
        self.prior.restore(part_of(state, "prior"))
        self.low_rank.restore(part_of(state, "low_rank"))
        return self


def part_of(state: dict[str, torch.Tensor], part: str) -> dict[str, torch.Tensor]:
    """The tensors whose names start with ``part.``, without it."""
    return {name[len(part) + 1 :]: t for name, t in state.items() if name.startswith(f"{part}.")}


def _head(snapshot: Snapshot, min_ratings: int, most_movies: int) -> np.ndarray:
    """The most rated movies with enough ratings, ascending; all rated ones where none has enough."""
    counts = np.bincount(snapshot.ratings.indices, minlength=snapshot.movies)
    order = np.argsort(-counts, kind="stable")[:most_movies]
    enough = order[counts[order] >= min(min_ratings, counts.max(initial=0))]
    return np.sort(enough)


def _weighted(ratings: csr_array, star_weight: float) -> csr_array:
    """1 + star_weight x (stars - the user's mean) for every rating, csr_array like ``ratings``."""
    counts = np.diff(ratings.indptr)
    users = np.repeat(np.arange(len(counts)), counts)
    means = ratings.sum(axis=1) / np.maximum(counts, 1)
    weights = np.maximum(1 + star_weight * (ratings.data - means[users]), LEAST_WEIGHT)
    return csr_array((weights.astype(np.float32), ratings.indices, ratings.indptr), shape=ratings.shape)


def _columns(matrix: csr_array, movies: np.ndarray) -> csr_array:
    """Some columns of a matrix, order of the stored entries kept, so that their times still fit."""
    kept = np.isin(matrix.indices, movies)
    users = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[kept]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=matrix.shape[0]))])
    indices = np.searchsorted(movies, matrix.indices[kept])
    return csr_array((matrix.data[kept], indices, indptr), shape=(matrix.shape[0], len(movies)))
