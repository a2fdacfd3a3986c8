"""Predicted stars: Bayesian matrix factorisation with side information, the half of ``hybrid`` that says how much.

A linear autoencoder too: a user's ratings and the implicit feedback, which movies were rated at all, are encoded
into K latent factors and a bias by the exact posterior of a linear Gaussian model (``gibbs``); the decoder is the
movies' factors, encoded alike from their own side. Prediction is the posterior mean: the average of decoder times
encoding over the draws of a Gibbs chain, kept as one low-rank product.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.errors import NotReady
from recengine.models.base import ModelConfig, OnProgress, silent
from recengine.models.kernels.pair_products import pair_products
from recengine.models.kernels.tall_qr import nearly_orthonormal
from recengine.models.parts.gibbs import GibbsSampler
from recengine.models.shared import moved, part_of

COMPRESS_COLUMNS = 256  # stacked columns between two compressions of the posterior mean
NOISE_PAIRS = 100_000  # ratings that tell the noise
LEAST_SWEEPS = 20  # however large the data
WARM_BURN_IN = 1  # sweeps that are not averaged where the chain goes on from nearly the same data


class BayesianMFConfig(ModelConfig):
    """Recipe of ``BayesianMF``.

    Chosen on random fifths of ml-100k's u1.base. Sweeps are the knob that buys accuracy (RMSE at 250 .879, at 500
    .877, at 1000 .876), and with few of them every part gains less. K of 10 or 20, ratings' dates, heavier tails,
    users' attributes with genres and years (.41 %) and an averaged neural item-row autoencoder (.0006) did not
    earn a place.
    """

    factors: int = Field(14, ge=1, le=100, description="Number K of latent factors")
    sweeps: int = Field(1200, ge=1, description="Gibbs sweeps, those of the burn-in included")
    burn_in: int = Field(30, ge=0, description="First sweeps that are not averaged; at most half of all")
    most_work: int = Field(
        200_000_000,
        ge=1,
        description="Bound on sweeps times ratings: larger data, fewer sweeps (at least 20)",
    )
    implicit_rank: int = Field(100, ge=0, description="Directions kept of the rated-at-all matrix; 0: unused")
    rank: int = Field(100, ge=1, description="Rank of the stored posterior mean")


class BayesianMF:
    """Predicted stars of any user and movie of a snapshot.

    Attributes
    ----------
    config : BayesianMFConfig
    history : list of dict
        Per sweep: "step", "train" (RMSE of the drawn factors on the ratings, in their points).
    """

    Config: ClassVar[type[BayesianMFConfig]] = BayesianMFConfig

    def __init__(self, config: BayesianMFConfig | None = None) -> None:
        self.config = config if config is not None else BayesianMFConfig()
        self.history: list[dict[str, float]] = []
        self._state: dict[str, torch.Tensor] = {}
        self._drawn: dict[str, torch.Tensor] = {}  # where the chain ended
        self._start: dict[str, torch.Tensor] = {}  # where the next one begins

    def warm_start_from(self, earlier: Self, users: NDArray[np.int64], movies: NDArray[np.int64]) -> None:
        """Let the next chain go on where an earlier one ended; ``users``, ``movies`` as in ``base.WarmStart``."""
        if drawn := earlier._drawn:
            rows = {"users": moved(drawn["users"], users), "movies": moved(drawn["movies"], movies)}
            self._start = drawn | rows

    def fit(self, snapshot: Snapshot, *, device: str = "cpu", on_progress: OnProgress = silent) -> Self:
        """Learn from every rating of the snapshot.

        Parameters
        ----------
        snapshot : Snapshot
            Users or movies may have no ratings.
        device : str
            Torch device of the chain. On the CPU the same seed gives the same bits.
        on_progress : callable
            Called once per sweep.

        Raises
        ------
        NotReady
            If the snapshot has no rating at all.
        """
        if snapshot.ratings.nnz == 0:
            raise NotReady(
                f"{snapshot.dataset} has no ratings", "load some with `recengine ingest`, then train"
            )
        config, star = self.config, snapshot.star
        chain = GibbsSampler(
            _in_stars(snapshot),  # as the chain's priors are
            implicit_rank=config.implicit_rank,
            factors=config.factors,
            seed=config.seed,
            device=device,
        )
        sweeps = min(config.sweeps, max(config.most_work // snapshot.ratings.nnz, LEAST_SWEEPS))
        burn_in = min(config.burn_in, sweeps // 2)
        if self._start:
            chain.warm_start(self._start)
            sweeps, burn_in = sweeps - burn_in + WARM_BURN_IN, WARM_BURN_IN
        mean, self.history = PosteriorMean(config.rank), []
        for sweep in range(sweeps):
            users, movies = chain.sweep()
            if sweep >= burn_in:
                mean.add(users, movies)
            self.history.append({"step": sweep + 1, "train": chain.train_rmse * star})
            on_progress("stars", sweep + 1, sweeps)
        self._state = mean.state(chain.mean)
        if star != 1:
            self._state["users"] = self._state["users"] * star
        # With all of its sweeps a chain from nothing is as good: its end is not worth storing.
        self._drawn = chain.drawn() if sweeps < config.sweeps else {}
        return self

    def fold_in(self, snapshot: Snapshot, others: Snapshot) -> Self:
        """The same for other users of the same movies.

        Their factors are the posterior mean of a linear Gaussian model with the movies' factors held: the prior has
        the mean and covariance of the known users' factors, the noise is what these leave of their ratings. It is not
        what a chain over all users would draw, but close: see ``recengine.recommend``.
        """
        users, movies = (self._state[name].double().numpy() for name in ("users", "movies"))
        known = np.diff(snapshot.ratings.indptr) > 0
        mean, spread = users[known, :-1].mean(axis=0), np.cov(users[known, :-1], rowvar=False)
        drawn = np.random.default_rng(0).permutation(snapshot.ratings.nnz)[:NOISE_PAIRS]
        pairs = snapshot.rating_users[drawn], snapshot.ratings.indices[drawn]
        noise = np.mean((self.predict(snapshot, *pairs) - snapshot.ratings.data[drawn]) ** 2)
        rows = np.tile(np.append(mean, users[0, -1]), (others.users, 1))
        for user in range(others.users):
            own = slice(*others.ratings.indptr[user : user + 2])
            inputs = movies[others.ratings.indices[own]]  # (n, R + 2)
            residual = others.ratings.data[own] - inputs @ rows[user]
            gain = spread @ inputs[:, :-1].T  # (R + 1, n)
            inner = inputs[:, :-1] @ gain + noise * np.eye(len(residual))
            rows[user, :-1] += gain @ np.linalg.solve(inner, residual)
        folded = copy.copy(self)
        folded._state = self._state | {"users": torch.from_numpy(rows).float()}
        return folded

    def predict(
        self,
        snapshot: Snapshot,
        user_index: NDArray[np.integer[Any]],
        movie_index: NDArray[np.integer[Any]],
    ) -> NDArray[np.float32]:
        """Predicted stars of P pairs.

        Parameters
        ----------
        snapshot : Snapshot
            The one the model was fitted on; only its scale is read.
        user_index, movie_index : ndarray of int, shape (P,)

        Returns
        -------
        ndarray of float32, shape (P,)
            Clipped to the data's scale.
        """
        if not self._state:
            raise NotReady("The stars model has not been fitted", "call fit or restore first")
        users, movies = (self._state[name].numpy() for name in ("users", "movies"))
        stars = pair_products(users, movies, user_index, movie_index)
        assert snapshot.scale is not None  # data without ratings fits no stars
        return np.clip(stars, *snapshot.scale)

    def state(self) -> dict[str, torch.Tensor]:
        """Posterior mean as two float32 factors on the CPU, "users" (U, R + 2) and "movies" (M, R + 2).

        Beside it, as "drawn.*", where the chain ended, if the size of the data cut it short.
        """
        return self._state | {f"drawn.{name}": tensor for name, tensor in self._drawn.items()}

    def restore(self, state: dict[str, torch.Tensor]) -> Self:
        """Take back what ``state`` gave."""
        self._state = {name: state[name] for name in ("users", "movies") if name in state}
        self._drawn = part_of(state, "drawn")
        return self


def _in_stars(snapshot: Snapshot) -> csr_array:
    """The ratings, on other scales than five stars converted to them."""
    ratings, star = snapshot.ratings, snapshot.star
    if star == 1:
        return ratings
    stars = (ratings.data / np.float32(star)).astype(np.float32)
    return csr_array((stars, ratings.indices, ratings.indptr), shape=ratings.shape)


class PosteriorMean:
    """The running mean of products P_s Q_s' over draws s, kept as one product of rank R.

    Draws are stacked as columns, and now and then cut to the R leading directions of their product (both stacks in
    terms of nearly orthonormal columns, then a small singular value decomposition). Biases are averaged exactly.
    """

    def __init__(self, rank: int) -> None:
        self.rank, self.draws = rank, 0
        self._users: list[torch.Tensor] = []
        self._movies: list[torch.Tensor] = []
        self._user_bias = self._movie_bias = torch.zeros(())

    def add(self, users: torch.Tensor, movies: torch.Tensor) -> None:
        """Add one draw: factors of shapes (U, K + 1) and (M, K + 1), bias last."""
        self._user_bias = self._user_bias + users[:, -1:]
        self._movie_bias = self._movie_bias + movies[:, -1:]
        self._users.append(users[:, :-1])
        self._movies.append(movies[:, :-1])
        self.draws += 1
        if sum(part.shape[1] for part in self._users) >= self.rank + COMPRESS_COLUMNS:
            self._compress()

    def state(self, mean: float) -> dict[str, torch.Tensor]:
        """Both factors on the CPU, with the biases and the overall mean folded in as two more columns."""
        self._compress()
        user_bias, movie_bias = self._user_bias / self.draws, self._movie_bias / self.draws
        users = [self._users[0] / self.draws, user_bias + mean, torch.ones_like(user_bias)]
        movies = [self._movies[0], torch.ones_like(movie_bias), movie_bias]
        return {"users": torch.cat(users, dim=1).cpu(), "movies": torch.cat(movies, dim=1).cpu()}

    def _compress(self) -> None:
        # Exact, and the same each time. On stacks of ml-100k's size torch.svd_lowrank of the small product takes
        # 0.08 s instead of 0.09 (ml-1m's: 0.14 instead of 0.28); what it keeps is off by 0.0241 instead of 0.0235.
        users, movies = (torch.cat(part, dim=1) for part in (self._users, self._movies))
        (of_users, from_users), (of_movies, from_movies) = (
            nearly_orthonormal(users),
            nearly_orthonormal(movies),
        )
        left, singular, right = torch.linalg.svd(from_users @ from_movies.T, full_matrices=False)
        root = singular[: self.rank].sqrt()
        self._users = [users @ (of_users @ (left[:, : self.rank] * root))]
        self._movies = [movies @ (of_movies @ (right[: self.rank].T * root))]
