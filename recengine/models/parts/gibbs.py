"""The Gibbs chain of the stars model: one sweep draws every unknown given all others.

Model (stars r of user u and movie i, K factors; kin of probabilistic PCA and of Bayesian matrix
factorisation, Salakhutdinov & Mnih 2008, with the sets of movies rated that SVD++ uses, Koren 2008):

    r_ui = mean + p_u . q_i + b_u + b_i + e,    e ~ N(0, 1 / (alpha a_u a_i))
    [p_u, b_u] ~ N(m + F_u W, diag(1 / lambda)),    W ~ N(0, diag(1 / omega)),    movies alike

F_u says which movies the user rated at all. A code [p, b] given the other side is the exact posterior encoding
of a row of ratings; the dot product decodes it.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.models.kernels.batched_ridge import Codes, Problem, Rows
from recengine.models.parts.implicit_feedback import Sets, rated_sets

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

    def __init__(self, rows: Rows, sets: Sets, dims: int, draw: Draw) -> None:
        self.rows, self.sets, self.draw = rows, sets, draw
        n, on = rows.shape[0], torch.device(draw.device)
        self.counts = torch.as_tensor(np.diff(rows.targets.indptr), dtype=torch.float32, device=on)
        self.codes = START_SCALE * draw.normal(n, dims)
        self.codes[:, -1] = 0
        self.prior = torch.zeros(n, dims, device=on)  # prior mean of the codes
        self.precision = torch.full((dims,), 10.0, device=on)  # lambda
        self.noise = torch.ones(n, device=on)  # a_u or a_i
        self._mean = torch.zeros(dims, device=on)
        self._omega = torch.full((dims,), 5.0, device=on)

    def draw_prior(self) -> None:
        """Weights of the sets, their precisions, the mean and the precision of the codes."""
        n, dims = self.codes.shape
        left, singular = self.sets.left, self.sets.singular[:, None]
        posterior = self.precision * singular**2 + self._omega
        weights = self.precision * singular * (left.T @ (self.codes - self._mean)) / posterior
        weights += self.draw.normal(len(singular), dims) / posterior.sqrt()
        rate = OMEGA_RATE + weights.square().sum(dim=0) / 2
        self._omega = self.draw.gamma(OMEGA_SHAPE + len(singular) / 2, rate)
        from_sets = left @ (singular * weights)
        posterior = self.precision * n + MEAN_PRECISION
        self._mean = self.precision * (self.codes - from_sets).sum(dim=0) / posterior
        self._mean += self.draw.normal(dims) / posterior.sqrt()
        self.prior = self._mean + from_sets
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
    implicit_rank : int
        Directions kept of the sets.
    factors : int
        K.
    seed : int
    device : str
    """

    def __init__(
        self,
        ratings: csr_array,
        *,
        implicit_rank: int,
        factors: int,
        seed: int,
        device: str,
    ) -> None:
        draw = Draw(seed, device)
        self.mean = float(ratings.data.mean(dtype=np.float64))
        centred = csr_array(
            (ratings.data - np.float32(self.mean), ratings.indices, ratings.indptr), shape=ratings.shape
        )
        self.users, self.movies = (
            Side(Rows(side, device), rated_sets(side, implicit_rank, seed, device), factors + 1, draw)
            for side in (centred, centred.T.tocsr())
        )
        self.count = ratings.nnz
        self.alpha = torch.ones((), device=device)
        self.train_rmse = float("nan")

    def drawn(self) -> dict[str, torch.Tensor]:
        """Where the chain stands, on the CPU: "users" (U, K + 2), codes and noise; "movies" alike; "alpha"."""
        rows = {"users": self.users, "movies": self.movies}
        both = {
            name: torch.cat([side.codes, side.noise[:, None]], dim=1).cpu() for name, side in rows.items()
        }
        return both | {"alpha": self.alpha.cpu()}

    def start(self, drawn: dict[str, torch.Tensor]) -> None:
        """Go on from where another chain stood; rows of zeros are new."""
        for side, rows in ((self.users, drawn["users"]), (self.movies, drawn["movies"])):
            side.codes = rows[:, :-1].to(side.codes.device)
            side.noise = torch.where(rows[:, -1] > 0, rows[:, -1], 1).to(side.codes.device)
        self.alpha = drawn["alpha"].to(self.alpha.device)

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
