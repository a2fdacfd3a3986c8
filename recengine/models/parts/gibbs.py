"""The Gibbs sampler of the stars: one sweep draws every unknown given all others.

Bayesian matrix factorisation with side information (stars r of user u and movie i, K latent factors):

    r_ui = mean + p_u . q_i + b_u + b_i + e,    e ~ N(0, 1 / (alpha a_u a_i))
    [p_u, b_u] ~ N(m + F_u W, diag(1 / lambda)),    W ~ N(0, diag(1 / omega)),    movies alike

The side information F_u is implicit feedback: which movies the user rated at all; a movie's is who rated it. Seen
as an autoencoder (probabilistic PCA), the factors given the other side are the exact posterior encoding of a row of
ratings, and the dot product decodes it.

R. Salakhutdinov and A. Mnih, "Bayesian Probabilistic Matrix Factorization using Markov Chain Monte Carlo", ICML 2008;
side information as a prior mean: J. Simm et al., "Macau", MLSP 2017; implicit feedback beside stars: Y. Koren,
"Factorization Meets the Neighborhood" (SVD++), KDD 2008.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.models.kernels.batched_ridge import Problem, Rows, Solution, sparse
from recengine.models.kernels.sparse_product import product, tiled
from recengine.models.kernels.tall_qr import tall_qr

# Gamma(shape, rate) priors, in stars. Weak rates matter: rate 1 costs .0035 RMSE on validation.
OMEGA_SHAPE, OMEGA_RATE = 1.0, 0.01
LAMBDA_SHAPE, LAMBDA_RATE = 1.0, 0.1
ALPHA_SHAPE, ALPHA_RATE = 1.0, 1.0
NOISE_SHAPE = 12.0  # shape and rate of a_u and a_i: mean 1, standard deviation .29
MEAN_PRECISION = 1.0
START_SCALE = 0.1

SUBSPACE_EXTRA, SUBSPACE_STEPS = 10, 2  # oversampling and power steps of the randomised decomposition
SMALLEST_SINGULAR = 1e-3  # relative to the largest; below it a direction is noise of float32


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


@dataclass(frozen=True)
class SideInformation:
    """The thin singular value decomposition F = U S V': ``left`` U (n, r) and ``singular`` S (r,), both float32.

    In this basis the posterior of the weights of F is diagonal, so a Gibbs step costs two thin products.
    """

    left: torch.Tensor
    singular: torch.Tensor


def side_information(
    ratings: csr_array, transposed: csr_array, rank: int, seed: int, device: str
) -> SideInformation:
    """Leading directions of who rated what: rows of 1 / sqrt(count + 1) where rated.

    Parameters
    ----------
    ratings : csr_array, shape (n, m)
        A row per user, or per movie.
    transposed : csr_array, shape (m, n)
        The same with rows for columns.
    rank : int
        Most directions; 0 for none.
    seed : int
        Of the randomised subspace iteration (Halko, Martinsson and Tropp, SIAM Review 2011).
    device : str
        Where the result will lie.
    """
    rank = min(rank, *ratings.shape)
    if rank == 0:
        return SideInformation(torch.zeros(ratings.shape[0], 0, device=device), torch.zeros(0, device=device))
    scale = torch.from_numpy(1 / np.sqrt(np.diff(ratings.indptr) + 1)).to(device, torch.float32)[:, None]
    forward, back = _times(ratings, device), _times(transposed, device)

    def rows(dense: torch.Tensor) -> torch.Tensor:
        return scale * forward(dense)

    def columns(dense: torch.Tensor) -> torch.Tensor:
        return back(scale * dense)

    draw = torch.Generator(device).manual_seed(seed)
    width = min(rank + SUBSPACE_EXTRA, *ratings.shape)
    basis = rows(torch.randn(ratings.shape[1], width, generator=draw, device=device))
    for _ in range(SUBSPACE_STEPS):
        basis = tall_qr(rows(columns(tall_qr(basis).Q))).Q
    small = columns(basis).double()  # (m, width): few columns, so their Gram matrix says it all
    squares, left = torch.linalg.eigh(small.T @ small)  # rising
    singular, left = squares.clamp(min=0).sqrt().flip(0)[:rank], left.flip(1)[:, :rank]
    keep = int((singular > SMALLEST_SINGULAR * singular[0]).sum())
    return SideInformation((basis @ left[:, :keep].float()).contiguous(), singular[:keep].float())


def _times(matrix: csr_array, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """What multiplies the matrix, its stored entries being 1, by a dense one on the device."""
    if device == "cpu":
        return lambda dense: torch.from_numpy(product(matrix, tiled(dense.numpy()), dense.shape[1]))
    ones = np.ones(matrix.nnz, dtype=np.float32)
    return sparse(csr_array((ones, matrix.indices, matrix.indptr), shape=matrix.shape), device).__matmul__


class Side:
    """Users or movies: their factors (n, K + 1), bias last, and all that is behind them."""

    def __init__(self, rows: Rows, information: SideInformation, dims: int, draw: Draw) -> None:
        self.rows, self.information, self.draw = rows, information, draw
        n, on = rows.shape[0], torch.device(draw.device)
        self.counts = torch.as_tensor(np.diff(rows.targets.indptr), dtype=torch.float32, device=on)
        self.factors = START_SCALE * draw.normal(n, dims)
        self.factors[:, -1] = 0
        self.prior = torch.zeros(n, dims, device=on)  # prior mean of the factors
        self.precision = torch.full((dims,), 10.0, device=on)  # lambda
        self.noise = torch.ones(n, device=on)  # a_u or a_i
        self._mean = torch.zeros(dims, device=on)
        self._omega = torch.full((dims,), 5.0, device=on)

    def draw_prior(self) -> None:
        """Weights of the side information, their precisions, the mean and the precision of the factors."""
        n, dims = self.factors.shape
        left, singular = self.information.left, self.information.singular[:, None]
        posterior = self.precision * singular**2 + self._omega
        weights = self.precision * singular * (left.T @ (self.factors - self._mean)) / posterior
        weights += self.draw.normal(len(singular), dims) / posterior.sqrt()
        rate = OMEGA_RATE + weights.square().sum(dim=0) / 2
        self._omega = self.draw.gamma(OMEGA_SHAPE + len(singular) / 2, rate)
        informed = left @ (singular * weights)
        posterior = self.precision * n + MEAN_PRECISION
        self._mean = self.precision * (self.factors - informed).sum(dim=0) / posterior
        self._mean += self.draw.normal(dims) / posterior.sqrt()
        self.prior = self._mean + informed
        rate = LAMBDA_RATE + (self.factors - self.prior).square().sum(dim=0) / 2
        self.precision = self.draw.gamma(LAMBDA_SHAPE + n / 2, rate)

    def draw_factors(self, other: Side, alpha: torch.Tensor) -> Solution[torch.Tensor]:
        """Draw all factors given the other side's, and each row's noise precision given its errors."""
        problem = Problem(
            inputs=torch.cat([other.factors[:, :-1], torch.ones_like(other.factors[:, -1:])], dim=1),
            base=torch.diag(self.precision),
            ridge=torch.zeros_like(self.noise),
            scale=alpha * self.noise,
            right=self.precision * self.prior,
            offsets=other.factors[:, -1],
            weights=other.noise,
            noise=self.draw.normal(*self.factors.shape),
        )
        drawn = self.rows.solve(problem)
        self.factors = drawn.draws
        rate = NOISE_SHAPE + alpha * drawn.squares / 2
        self.noise = self.draw.gamma(NOISE_SHAPE + self.counts / 2, rate)
        return drawn


class GibbsSampler:
    """The chain: users, movies and the noise between them.

    Parameters
    ----------
    ratings : csr_array of float32, shape (U, M)
    implicit_rank : int
        Directions kept of the side information.
    factors : int
        K latent factors.
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
        by_movie = centred.T.tocsr()
        self.users, self.movies = (
            Side(
                Rows(side, device),
                side_information(side, other, implicit_rank, seed, device),
                factors + 1,
                draw,
            )
            for side, other in ((centred, by_movie), (by_movie, centred))
        )
        self.count = ratings.nnz
        self.alpha = torch.ones((), device=device)
        self.train_rmse = float("nan")

    def drawn(self) -> dict[str, torch.Tensor]:
        """Where the chain stands, on the CPU: "users" (U, K + 2), factors and noise; "movies" alike; "alpha"."""
        rows = {"users": self.users, "movies": self.movies}
        both = {
            name: torch.cat([side.factors, side.noise[:, None]], dim=1).cpu() for name, side in rows.items()
        }
        return both | {"alpha": self.alpha.cpu()}

    def warm_start(self, drawn: dict[str, torch.Tensor]) -> None:
        """Go on from where another chain stood; rows of zeros are new."""
        for side, rows in ((self.users, drawn["users"]), (self.movies, drawn["movies"])):
            side.factors = rows[:, :-1].to(side.factors.device)
            side.noise = torch.where(rows[:, -1] > 0, rows[:, -1], 1).to(side.factors.device)
        self.alpha = drawn["alpha"].to(self.alpha.device)

    def sweep(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw everything once.

        Returns
        -------
        tuple of Tensor, shapes (U, K + 1) and (M, K + 1)
            Posterior mean of the users' factors given a draw of the movies', and that draw: their product
            varies less than that of two draws (Rao-Blackwell).
        """
        users, movies = self.users, self.movies
        users.draw_prior()
        conditioned_on = movies.factors
        means = users.draw_factors(movies, self.alpha).means
        movies.draw_prior()
        squares = (movies.noise * movies.draw_factors(users, self.alpha).squares).sum(dtype=torch.float64)
        self.alpha = users.draw.gamma(ALPHA_SHAPE + self.count / 2, ALPHA_RATE + squares.float() / 2)
        self.train_rmse = float(squares / self.count) ** 0.5
        return means, conditioned_on
