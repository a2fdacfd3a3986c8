"""The Gibbs chain of the stars model: one sweep draws every unknown given all others.

Model (stars r of user u and movie i, K factors; kin of probabilistic PCA and of Bayesian matrix
factorisation, Salakhutdinov & Mnih 2008, with the side information of Rendle's factorisation machines):

    r_ui = mean + p_u . q_i + b_u + b_i + e,    e ~ N(0, 1 / (alpha a_u a_i))
    [p_u, b_u] ~ N(m + sum_g F_g W_g, diag(1 / lambda)),    W_g ~ N(0, diag(1 / omega_g)),    movies alike

A code [p, b] given the other side is the exact posterior encoding of a row of ratings; the dot product
decodes it.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.models.codes import Codes, Problem, Rows
from recengine.models.stars_features import Group

# Gamma(shape, rate) priors, in stars. Weak rates matter: rate 1 costs .0035 RMSE on validation.
OMEGA_SHAPE, OMEGA_RATE = 1.0, 0.01
LAMBDA_SHAPE, LAMBDA_RATE = 1.0, 0.1
ALPHA_SHAPE, ALPHA_RATE = 1.0, 1.0
NOISE_SHAPE = 12.0  # shape and rate of a_u and a_i: mean 1, standard deviation .29
MEAN_PRECISION = 1.0
START_SCALE = 0.1


class Draw:
    """The chain's random numbers: normal ones on the device, gamma ones (few) from NumPy."""

    def __init__(self, seed: int, device: str) -> None:
        self.device = device
        self._normal = torch.Generator(device).manual_seed(seed)
        self._gamma = np.random.default_rng(seed)

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal numbers."""
        return torch.randn(*shape, generator=self._normal, device=self.device)

    def gamma(self, shape: float | torch.Tensor, rate: torch.Tensor) -> torch.Tensor:
        """Gamma(shape, rate) numbers of ``rate``'s shape."""
        shapes = np.broadcast_to(torch.as_tensor(shape).cpu().numpy(), tuple(rate.shape))
        drawn = torch.as_tensor(self._gamma.standard_gamma(shapes), dtype=torch.float32)
        return drawn.to(self.device) / rate


class Side:
    """Users or movies: their codes (n, K + 1), bias last, and all that is behind them."""

    def __init__(self, rows: Rows, groups: list[Group], dims: int, draw: Draw) -> None:
        self.rows, self.groups, self.draw = rows, groups, draw
        n, on = rows.shape[0], torch.device(draw.device)
        self.counts = torch.as_tensor(np.diff(rows.targets.indptr), dtype=torch.float32, device=on)
        self.codes = START_SCALE * draw.normal(n, dims)
        self.codes[:, -1] = 0
        self.prior = torch.zeros(n, dims, device=on)  # prior mean of the codes
        self.precision = torch.full((dims,), 10.0, device=on)  # lambda
        self.noise = torch.ones(n, device=on)  # a_u or a_i
        self._mean = torch.zeros(dims, device=on)
        self._omegas = [torch.full((dims,), 5.0, device=on) for _ in groups]
        self._parts = [torch.zeros(n, dims, device=on) for _ in groups]  # F_g W_g

    def draw_prior(self) -> None:
        """Weights of every group, their precisions, the mean and the precision of the codes."""
        n, dims = self.codes.shape
        for at, group in enumerate(self.groups):
            singular = group.singular[:, None]
            target = self.codes - self.prior + self._parts[at]
            posterior = self.precision * singular**2 + self._omegas[at]
            weights = self.precision * singular * (group.left.T @ target) / posterior
            weights += self.draw.normal(len(singular), dims) / posterior.sqrt()
            part = group.left @ (singular * weights)
            self.prior = self.prior + (part - self._parts[at])
            self._parts[at] = part
            rate = OMEGA_RATE + weights.square().sum(dim=0) / 2
            self._omegas[at] = self.draw.gamma(OMEGA_SHAPE + len(singular) / 2, rate)
        posterior = self.precision * n + MEAN_PRECISION
        mean = self.precision * (self.codes - self.prior + self._mean).sum(dim=0) / posterior
        mean += self.draw.normal(dims) / posterior.sqrt()
        self.prior = self.prior + (mean - self._mean)
        self._mean = mean
        rate = LAMBDA_RATE + (self.codes - self.prior).square().sum(dim=0) / 2
        self.precision = self.draw.gamma(LAMBDA_SHAPE + n / 2, rate)

    def draw_codes(self, other: Side, alpha: torch.Tensor) -> Codes:
        """Draw all codes given the other side's, and each row's noise precision given its errors."""
        problem = Problem(
            inputs=torch.cat([other.codes[:, :-1], torch.ones_like(other.codes[:, -1:])], dim=1),
            base=torch.diag(self.precision),
            ridge=torch.zeros_like(self.noise),
            scale=alpha * self.noise,
            right=self.precision * self.prior,
            offsets=other.codes[:, -1],
            weights=other.noise,
            noise=self.draw.normal(*self.codes.shape),
        )
        drawn = self.rows.solve(problem)
        self.codes = drawn.codes
        rate = NOISE_SHAPE + alpha * drawn.squares / 2
        self.noise = self.draw.gamma(NOISE_SHAPE + self.counts / 2, rate)
        return drawn


class Chain:
    """Users, movies and the noise between them.

    Parameters
    ----------
    ratings : csr_array of float32, shape (U, M)
    user_groups, movie_groups : list of Group
        Side information.
    factors : int
        K.
    seed : int
    device : str
    """

    def __init__(
        self,
        ratings: csr_array,
        user_groups: list[Group],
        movie_groups: list[Group],
        *,
        factors: int,
        seed: int,
        device: str,
    ) -> None:
        draw = Draw(seed, device)
        self.mean = float(ratings.data.mean(dtype=np.float64))
        centred = csr_array(
            (ratings.data - np.float32(self.mean), ratings.indices, ratings.indptr), shape=ratings.shape
        )
        by_user, by_movie = Rows(centred, device=device), Rows(centred.T.tocsr(), device=device)
        self.users = Side(by_user, user_groups, factors + 1, draw)
        self.movies = Side(by_movie, movie_groups, factors + 1, draw)
        self.count = ratings.nnz
        self.alpha = torch.ones((), device=device)
        self.train_rmse = float("nan")

    def sweep(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw everything once.

        Returns
        -------
        tuple of Tensor, shapes (U, K + 1) and (M, K + 1)
            Posterior mean of the user codes given a draw of the movie codes, and that draw: their product
            varies less than that of two draws (Rao-Blackwell).
        """
        users, movies = self.users, self.movies
        users.draw_prior()
        given = movies.codes
        means = users.draw_codes(movies, self.alpha).means
        movies.draw_prior()
        squares = (movies.noise * movies.draw_codes(users, self.alpha).squares).sum(dtype=torch.float64)
        self.alpha = users.draw.gamma(ALPHA_SHAPE + self.count / 2, ALPHA_RATE + squares.float() / 2)
        self.train_rmse = float(squares / self.count) ** 0.5
        return means, given
