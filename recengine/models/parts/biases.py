"""Stars from regularised user and movie biases: mean + b_u + b_i, the baseline of every star prediction."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from recengine.dataset import Snapshot


class BiasConfig(BaseModel):
    """How strongly the biases are pulled to 0 (strengths as in Koren's baseline predictors)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_ridge: float = Field(5.0, ge=0, description="Ratings' worth of pull on a user's bias")
    movie_ridge: float = Field(3.0, ge=0, description="Ratings' worth of pull on a movie's bias")
    sweeps: int = Field(10, ge=1, description="Alternations between users and movies")


class Biases:
    """Predicted stars mean + user bias + movie bias, each bias the shrunken mean of what is left.

    Y. Koren, R. Bell and C. Volinsky, "Matrix Factorization Techniques for Recommender Systems", 2009.
    """

    def __init__(self, config: BiasConfig | None = None) -> None:
        self.config = config if config is not None else BiasConfig()
        self.mean, self.low, self.high = 0.0, 0.0, 0.0
        self.user = np.zeros(0, dtype=np.float32)  # (U,)
        self.movie = np.zeros(0, dtype=np.float32)  # (M,)

    def fit(self, snapshot: Snapshot) -> Self:
        """Alternate between users and movies; a user or movie without ratings keeps bias 0.

        Data without ratings has nothing to fit.
        """
        if snapshot.scale is None:
            return self
        users, movies = snapshot.rating_users, snapshot.ratings.indices
        self.low, self.high = snapshot.scale
        stars = snapshot.ratings.data.astype(np.float64)
        self.mean = float(stars.mean()) if len(stars) else (self.low + self.high) / 2
        user, movie = np.zeros(snapshot.users), np.zeros(snapshot.movies)
        user_n = np.bincount(users, minlength=snapshot.users) + self.config.user_ridge
        movie_n = np.bincount(movies, minlength=snapshot.movies) + self.config.movie_ridge
        for _ in range(self.config.sweeps):
            residual = np.bincount(movies, stars - self.mean - user[users], minlength=snapshot.movies)
            movie = np.divide(residual, movie_n, out=np.zeros_like(residual), where=movie_n > 0)
            residual = np.bincount(users, stars - self.mean - movie[movies], minlength=snapshot.users)
            user = np.divide(residual, user_n, out=np.zeros_like(residual), where=user_n > 0)
        self.user, self.movie = user.astype(np.float32), movie.astype(np.float32)
        return self

    def fold_in(self, others: Snapshot) -> Self:
        """The same for other users of the same movies: their biases by the last half-step of ``fit``."""
        folded = copy.copy(self)
        users, movies = others.rating_users, others.ratings.indices
        residual = others.ratings.data.astype(np.float64) - self.mean
        if len(self.movie):  # none were fitted to data without ratings
            residual -= self.movie[movies]
        count = np.bincount(users, minlength=others.users) + self.config.user_ridge
        total = np.bincount(users, residual, minlength=others.users)
        folded.user = np.divide(total, count, out=np.zeros_like(total), where=count > 0).astype(np.float32)
        return folded

    def predict(
        self, user_index: NDArray[np.integer[Any]], movie_index: NDArray[np.integer[Any]]
    ) -> NDArray[np.float32]:
        """Stars of P (user, movie) pairs, clipped to the data's scale, float32 of shape (P,)."""
        stars = np.float32(self.mean) + self.user[user_index] + self.movie[movie_index]
        return np.asarray(np.clip(stars, self.low, self.high), dtype=np.float32)

    def state(self) -> dict[str, torch.Tensor]:
        """The learned tensors by name."""
        scalars = torch.tensor([self.mean, self.low, self.high], dtype=torch.float64)
        user, movie = torch.from_numpy(self.user), torch.from_numpy(self.movie)
        return {"scalars": scalars, "user": user, "movie": movie}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self.mean, self.low, self.high = state["scalars"].tolist()
        self.user, self.movie = state["user"].numpy(), state["movie"].numpy()
        return self
