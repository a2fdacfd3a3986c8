"""The factors of a sparse matrix's rows, given its columns' factors: one small ridge regression per row.

Alternating least squares and Gibbs samplers of matrix factorisation consist of this step: users' factors follow
from their ratings and the movies' factors; with rows and columns exchanged, movies' factors from the users'. Seen as
low-rank linear autoencoders, the first is the encoder, and the second finds the decoder.
"""

from __future__ import annotations

import warnings
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED
from recengine.models.kernels.csr import Pattern, pattern_of
from recengine.models.kernels.register_tile import HIGH, WIDE
from recengine.models.kernels.small_systems import add_products, backward, cholesky, forward
from recengine.runtime.threads import in_parts

PART = 512  # rows that one thread solves at a time
BLOCK = 2048  # rows in a block on other devices
GATHERED = 256  # entries of a row whose columns' factors are copied together, for one matrix product

Array = TypeVar("Array", torch.Tensor, NDArray[np.float32])


class Problem(NamedTuple, Generic[Array]):
    """What the regressions share, on one device; K factors.

    Row r minimises ``scale_r sum_c a_c (y_rc - o_c - q_c . p)^2 + p' base p + ridge_r |p|^2
    - 2 right_r . p`` over its factors p, where c runs over the row's stored entries.

    Attributes
    ----------
    inputs : Tensor of float32, shape (C, K)
        The columns' factors q.
    base : Tensor, shape (K, K)
    ridge, scale : Tensor, shape (R,)
    right : Tensor, shape (R, K)
    offsets, weights : Tensor, shape (C,)
        o and a of every column.
    noise : Tensor, shape (R, K or 0)
        Standard normal numbers; with them ``draws`` are drawn from the posterior, else they are its means.
    """

    inputs: Array
    base: Array
    ridge: Array
    scale: Array
    right: Array
    offsets: Array
    weights: Array
    noise: Array


class Solution(NamedTuple, Generic[Array]):
    """Posterior means and draws of all rows' factors, (R, K), and the draws' squared errors, (R,).

    ``squares`` is ``sum_c a_c (y_rc - o_c - q_c . p)^2`` of every row.
    """

    means: Array
    draws: Array
    squares: Array


class Rows:
    """Targets y, the stored values of a matrix, ready to be regressed.

    Parameters
    ----------
    targets : csr_array of float32, shape (R, C)
    device : str
        On the CPU a compiled loop solves the rows, elsewhere batched tensor operations do; they agree up to
        rounding.
    """

    def __init__(self, targets: csr_array, device: str = "cpu") -> None:
        self.shape, self.device = targets.shape, device
        self.targets = targets
        self._blocks = [] if device == "cpu" else [_Block(self, at) for at in range(0, self.shape[0], BLOCK)]

    def solve(self, problem: Problem[torch.Tensor]) -> Solution[torch.Tensor]:
        """Factors of all rows; the same on any number of threads."""
        rows, width = self.shape[0], problem.inputs.shape[1]
        solution = Solution(
            means=torch.empty(rows, width, device=self.device),
            draws=torch.empty(rows, width, device=self.device),
            squares=torch.empty(rows, device=self.device),
        )
        if self.device == "cpu":
            self._solve_compiled(problem, solution)
        for block in self._blocks:
            block.solve(problem, solution)
        return solution

    def _solve_compiled(self, problem: Problem[torch.Tensor], solution: Solution[torch.Tensor]) -> None:
        pattern, targets = pattern_of(self.targets), np.asarray(self.targets.data)
        asked = Problem(*(tensor.contiguous().numpy() for tensor in problem))
        solved = Solution(*(tensor.numpy() for tensor in solution))
        in_parts(
            lambda first, last: _solve_rows(first, last, pattern, targets, asked, solved), self.shape[0], PART
        )


class _Block:
    """The same with batched tensor operations, for a block of rows on any device."""

    def __init__(self, rows: Rows, start: int) -> None:
        matrix, self.rows = rows.targets, slice(start, min(start + BLOCK, rows.shape[0]))
        inside = slice(matrix.indptr[self.rows.start], matrix.indptr[self.rows.stop])
        place = matrix.indices[inside], matrix.indptr[self.rows.start : self.rows.stop + 1] - inside.start
        shape = (self.rows.stop - start, rows.shape[1])
        target = matrix.data[inside]
        self.powers = [
            sparse(csr_array((target**power, *place), shape=shape), rows.device) for power in range(3)
        ]

    def solve(self, problem: Problem[torch.Tensor], solution: Solution[torch.Tensor]) -> None:
        """Fill this block's part of the solution."""
        k, part = problem.inputs.shape[1], self.rows
        outer, cross = self._sums(problem)
        scale = problem.scale[part, None]
        left = problem.base + scale[:, :, None] * outer[:, :k, :k]
        left.diagonal(dim1=1, dim2=2).add_(problem.ridge[part, None])
        toward = cross[:, :k] - outer[:, :k, k]
        lower = torch.linalg.cholesky(left)
        half = torch.linalg.solve_triangular(
            lower, (problem.right[part] + scale * toward)[:, :, None], upper=False
        )
        noise = problem.noise[part, :, None] if problem.noise.shape[1] else torch.zeros_like(half)
        both = torch.linalg.solve_triangular(lower.mT, torch.cat([half, half + noise], dim=2), upper=True)
        solution.means[part], draws = both.unbind(dim=2)
        solution.draws[part] = draws
        targets = (self.powers[2] @ problem.weights[:, None])[:, 0] - 2 * cross[:, k] + outer[:, k, k]
        explained = (
            2 * (draws * toward).sum(1) - (draws[:, None, :] @ outer[:, :k, :k] @ draws[:, :, None])[:, 0, 0]
        )
        solution.squares[part] = targets - explained

    def _sums(self, problem: Problem[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Over every row's entries: weighted sums of z z', (B, K + 1, K + 1), and of y z, with z = [q, o]."""
        k = problem.inputs.shape[1]
        columns = torch.cat([problem.inputs, problem.offsets[:, None]], dim=1)  # z, (C, K + 1)
        weighted = problem.weights[:, None] * columns
        row, column = torch.tril_indices(k + 1, k + 1, device=columns.device)
        packed = self.powers[0] @ (columns.index_select(1, row) * weighted.index_select(1, column))
        square = torch.zeros(k + 1, k + 1, dtype=torch.int64, device=columns.device)
        square[row, column] = square[column, row] = torch.arange(len(row), device=columns.device)
        outer = packed.index_select(1, square.view(-1)).view(-1, k + 1, k + 1)
        return outer, self.powers[1] @ weighted


def sparse(matrix: csr_array, device: str) -> torch.Tensor:
    """A SciPy matrix as a torch CSR tensor with 32-bit indices, the ones the CPU kernels want."""
    with warnings.catch_warnings():  # torch calls its CSR layout beta, once per process
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            # Copies: the arrays may be a snapshot's, mapped read-only.
            torch.tensor(matrix.indptr, dtype=torch.int32),
            torch.tensor(matrix.indices, dtype=torch.int32),
            torch.tensor(matrix.data),
            size=matrix.shape,
            device=device,
            check_invariants=False,
        )


@COMPILED
def _solve_rows(
    first: int,
    last: int,
    rows: Pattern,
    targets: NDArray[np.float32],
    problem: Problem[NDArray[np.float32]],
    solution: Solution[NDArray[np.float32]],
) -> None:  # pragma: no cover - compiled
    k = problem.inputs.shape[1]
    high, wide = -(-(k + 1) // HIGH) * HIGH, -(-(k + 1) // WIDE) * WIDE
    gathered = np.zeros((GATHERED + 1, wide), dtype=np.float32)
    weights = np.empty(GATHERED, dtype=np.float32)
    sums = np.empty((high, wide), dtype=np.float32)  # of [q, y - o] [q, y - o]', weighted
    upper, lower = np.empty((k, k), dtype=np.float32), np.empty((k, k), dtype=np.float32)
    for row in range(first, last):
        _sum_products(row, rows, targets, problem, gathered, weights, sums)
        for i in range(k):
            for j in range(i, k):
                upper[i, j] = problem.base[i, j] + problem.scale[row] * sums[i, j]
            upper[i, i] += problem.ridge[row]
            solution.means[row, i] = problem.right[row, i] + problem.scale[row] * sums[k, i]
        cholesky(upper, lower)
        forward(upper, solution.means[row])
        solution.draws[row] = solution.means[row]
        if problem.noise.shape[1]:
            solution.draws[row] += problem.noise[row]
        backward(lower, solution.means[row])
        backward(lower, solution.draws[row])
        square = np.float64(sums[k, k])
        for i in range(k):
            line = np.float64(sums[i, i]) * solution.draws[row, i] - np.float64(2 * sums[k, i])
            for j in range(i + 1, k):
                line += np.float64(2 * sums[i, j]) * solution.draws[row, j]
            square += solution.draws[row, i] * line
        solution.squares[row] = square


@COMPILED
def _sum_products(
    row: int,
    rows: Pattern,
    targets: NDArray[np.float32],
    problem: Problem[NDArray[np.float32]],
    gathered: NDArray[np.float32],
    weights: NDArray[np.float32],
    sums: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """Into ``sums`` the weighted sum of [q, y - o] [q, y - o]' over a row's entries, some of them at a time.

    Its upper triangle and its row k, tile by tile.
    """
    k = problem.inputs.shape[1]
    sums[:] = 0
    entry, stop = rows.indptr[row], rows.indptr[row + 1]
    while entry < stop:
        taken = min(GATHERED, stop - entry)
        for at in range(taken):
            column = rows.columns[entry + at]
            weights[at] = problem.weights[column]
            for i in range(k):
                gathered[at, i] = problem.inputs[column, i]
            gathered[at, k] = targets[entry + at] - problem.offsets[column]
        add_products(gathered, weights, taken, k, sums)
        entry += taken
