"""The Gibbs chain of the stars model: one sweep draws every unknown given all others.

Model (stars r of user u and movie i, K factors; kin of probabilistic PCA and of Bayesian matrix
factorisation, Salakhutdinov & Mnih 2008, with the side information of Rendle's factorisation machines):

    r_ui = mean + p_u . q_i + b_u + b_i + e,    e ~ N(0, 1 / (alpha a_u a_i))
    [p_u, b_u] ~ N(m + sum_g F_g W_g, diag(1 / lambda)),    W_g ~ N(0, diag(1 / omega_g)),    movies alike

A code [p, b] given the other side is the exact posterior encoding of a row of ratings; the dot product
decodes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.models.stars_features import Group, sparse

# Gamma(shape, rate) priors, in stars. Weak rates matter: rate 1 costs .0035 RMSE on validation.
OMEGA_SHAPE, OMEGA_RATE = 1.0, 0.01
LAMBDA_SHAPE, LAMBDA_RATE = 1.0, 0.1
ALPHA_SHAPE, ALPHA_RATE = 1.0, 1.0
NOISE_SHAPE = 12.0  # shape and rate of a_u and a_i: mean 1, standard deviation .29
MEAN_PRECISION = 1.0
START_SCALE = 0.1
BLOCK_ROWS, BLOCK_RATINGS = 16_384, 1_000_000  # bound the memory of a step at any size


@dataclass(frozen=True)
class Block:
    """Consecutive rows of the ratings matrix: ones where rated, and centred stars, both sparse (rows, n')."""

    rows: slice
    ones: torch.Tensor
    stars: torch.Tensor


def blocks_of(ratings: csr_array, mean: float, device: str) -> list[Block]:
    """Cut a ratings matrix into row blocks of bounded size."""
    starts, indptr = [0], ratings.indptr.astype(np.int64)
    while starts[-1] < ratings.shape[0]:
        by_ratings = int(np.searchsorted(indptr, indptr[starts[-1]] + BLOCK_RATINGS, side="right")) - 1
        starts.append(min(max(by_ratings, starts[-1] + 1), starts[-1] + BLOCK_ROWS, ratings.shape[0]))
    blocks = []
    for first, last in pairwise(starts):
        inside = slice(indptr[first], indptr[last])
        place = (ratings.indices[inside], indptr[first : last + 1] - indptr[first])
        stars = ratings.data[inside] - np.float32(mean)
        shape = (last - first, ratings.shape[1])
        ones = sparse(csr_array((np.ones_like(stars), *place), shape=shape), device)
        blocks.append(
            Block(slice(first, last), ones, sparse(csr_array((stars, *place), shape=shape), device))
        )
    return blocks


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

    def __init__(self, blocks: list[Block], counts: torch.Tensor, groups: list[Group], dims: int, draw: Draw):
        self.blocks, self.counts, self.groups, self.draw = blocks, counts, groups, draw
        n, on = len(counts), torch.device(draw.device)
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

    def draw_codes(self, other: Side, alpha: torch.Tensor) -> torch.Tensor:
        """Draw all codes given the other side's; return their posterior mean, shape (n, K + 1)."""
        dims = self.codes.shape[1]
        inputs = torch.cat([other.codes[:, :-1], torch.ones_like(other.codes[:, -1:])], dim=1)
        weighted = other.noise[:, None] * inputs
        row, column = torch.tril_indices(dims, dims, device=alpha.device)
        products = inputs.index_select(1, row) * weighted.index_select(1, column)
        offsets = other.codes[:, -1:] * weighted
        gathered = torch.cat([products, offsets], dim=1)  # (n', (K + 1)(K + 2) / 2 + K + 1)
        square = torch.zeros(dims, dims, dtype=torch.int64, device=alpha.device)
        square[row, column] = square[column, row] = torch.arange(len(row), device=alpha.device)
        means = torch.empty_like(self.codes)
        for block in self.blocks:
            sums = block.ones @ gathered
            scale = (alpha * self.noise[block.rows])[:, None]
            right = scale * (block.stars @ weighted - sums[:, len(row) :])
            right += self.precision * self.prior[block.rows]
            left = (scale * sums[:, : len(row)]).index_select(1, square.view(-1)).view(-1, dims, dims)
            left.diagonal(dim1=1, dim2=2).add_(self.precision)
            means[block.rows], self.codes[block.rows] = _draw_gaussian(left, right, self.draw)
        return means

    def draw_noise(self, squares: torch.Tensor, alpha: torch.Tensor) -> None:
        """Draw each row's noise precision given its weighted sum of squared errors."""
        self.noise = self.draw.gamma(NOISE_SHAPE + self.counts / 2, NOISE_SHAPE + alpha * squares / 2)


def _draw_gaussian(
    precision: torch.Tensor, right: torch.Tensor, draw: Draw
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean P^-1 r and a draw of N(P^-1 r, P^-1), for precisions (B, D, D) and right sides (B, D)."""
    lower = torch.linalg.cholesky(precision)
    half = torch.linalg.solve_triangular(lower, right[:, :, None], upper=False)
    both = torch.cat([half, half + draw.normal(*half.shape)], dim=2)
    mean, sample = torch.linalg.solve_triangular(lower.mT, both, upper=True).unbind(dim=2)
    return mean, sample


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
        per_user = torch.as_tensor(np.diff(ratings.indptr), dtype=torch.float32, device=device)
        per_movie = torch.as_tensor(np.bincount(ratings.indices, minlength=ratings.shape[1]), device=device)
        by_user = blocks_of(ratings, self.mean, device)
        by_movie = blocks_of(ratings.T.tocsr(), self.mean, device)
        self.users = Side(by_user, per_user, user_groups, factors + 1, draw)
        self.movies = Side(by_movie, per_movie.float(), movie_groups, factors + 1, draw)
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
        self.users.draw_prior()
        movies = self.movies.codes.clone()
        users = self.users.draw_codes(self.movies, self.alpha)
        self.movies.draw_prior()
        self.movies.draw_codes(self.users, self.alpha)
        self._draw_noise()
        return users, movies

    def _draw_noise(self) -> None:
        users, movies = self.users, self.movies
        one = torch.ones((), device=self.alpha.device)
        left = torch.cat([users.codes, one.expand(len(users.codes), 1)], dim=1)  # [p_u, b_u, 1]
        right = torch.cat([movies.codes, one.expand(len(movies.codes), 1)], dim=1)
        right[:, [-2, -1]] = right[:, [-1, -2]]  # [q_i, 1, b_i]
        squares, per_user = [], torch.zeros_like(users.noise)
        for block in users.blocks:
            errors = torch.sparse.sampled_addmm(block.stars, left[block.rows], right.T, alpha=-1)
            squares.append(errors.values().square())
            place = (errors.crow_indices(), errors.col_indices())
            part = torch.sparse_csr_tensor(*place, squares[-1], errors.shape, check_invariants=False)
            per_user[block.rows] = (part @ movies.noise[:, None])[:, 0]
        count = sum(len(part) for part in squares)
        self.train_rmse = float(sum(part.sum(dtype=torch.float64) for part in squares) / count) ** 0.5
        rate = ALPHA_RATE + (users.noise * per_user).sum() / 2
        self.alpha = users.draw.gamma(ALPHA_SHAPE + count / 2, rate)
        users.draw_noise(per_user, self.alpha)
        per_movie = torch.zeros_like(movies.noise)
        for block, part in zip(users.blocks, squares, strict=True):
            lengths = block.ones.crow_indices().diff()
            weight = users.noise[block.rows].repeat_interleave(lengths, output_size=len(part))
            per_movie.index_add_(0, block.ones.col_indices(), part * weight)
        movies.draw_noise(per_movie, self.alpha)
