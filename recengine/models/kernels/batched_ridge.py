"""The best codes of a sparse matrix's rows, given its columns' codes: one small ridge regression per row.

Both low-rank autoencoders consist of this step: the encoder finds a user's code from the row of ratings and
the movies' codes; with rows and columns exchanged the same step finds the decoder, the movies' codes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED
from recengine.runtime.threads import in_parts

PART = 512  # rows that one thread solves at a time
BLOCK = 2048  # rows in a block on other devices
GATHERED = 256  # entries of a row whose columns' codes are copied together, for one matrix product


@dataclass(frozen=True)
class Problem:
    """What the regressions share, on one device; K is the length of a code.

    Row r minimises ``scale_r sum_c a_c (y_rc - o_c - q_c . p)^2 + p' base p + ridge_r |p|^2
    - 2 right_r . p`` over its code p, where c runs over the row's stored entries.

    Attributes
    ----------
    inputs : Tensor of float32, shape (C, K)
        The columns' codes q.
    base : Tensor, shape (K, K)
    ridge, scale : Tensor, shape (R,)
    right : Tensor, shape (R, K)
    offsets, weights : Tensor, shape (C,)
        o and a of every column.
    noise : Tensor, shape (R, K), optional
        Standard normal numbers; with them a code is a draw from its posterior, else the posterior mean.
    """

    inputs: torch.Tensor
    base: torch.Tensor
    ridge: torch.Tensor
    scale: torch.Tensor
    right: torch.Tensor
    offsets: torch.Tensor
    weights: torch.Tensor
    noise: torch.Tensor | None = None


@dataclass(frozen=True)
class Codes:
    """Solutions of a ``Problem``: posterior means and codes, (R, K), and the codes' squared errors, (R,).

    ``squares`` is ``sum_c a_c (y_rc - o_c - q_c . p)^2`` of every row.
    """

    means: torch.Tensor
    codes: torch.Tensor
    squares: torch.Tensor


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

    def solve(self, problem: Problem) -> Codes:
        """Codes of all rows; the same on any number of threads."""
        rows, width = self.shape[0], problem.inputs.shape[1]
        found = Codes(
            means=torch.empty(rows, width, device=self.device),
            codes=torch.empty(rows, width, device=self.device),
            squares=torch.empty(rows, device=self.device),
        )
        if self.device == "cpu":
            self._solve_compiled(problem, found)
        for block in self._blocks:
            block.solve(problem, found)
        return found

    def _solve_compiled(self, problem: Problem, found: Codes) -> None:
        indptr = self.targets.indptr.astype(np.int64)
        entries = (indptr, np.asarray(self.targets.indices), np.asarray(self.targets.data))
        noise = problem.noise if problem.noise is not None else torch.zeros(self.shape[0], 0)
        given = (
            problem.inputs,
            problem.base,
            problem.ridge,
            problem.scale,
            problem.right,
            problem.offsets,
            problem.weights,
            noise,
            found.means,
            found.codes,
            found.squares,
        )
        arrays = tuple(tensor.contiguous().numpy() for tensor in given)
        in_parts(lambda first, last: _solve_rows(first, last, *entries, *arrays), self.shape[0], PART)


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

    def solve(self, problem: Problem, found: Codes) -> None:
        """Fill this block's part of the solution."""
        k, part = problem.inputs.shape[1], self.rows
        known = torch.cat([problem.inputs, problem.offsets[:, None]], dim=1)  # z = [q, o], (C, K + 1)
        weighted = problem.weights[:, None] * known
        row, column = torch.tril_indices(k + 1, k + 1, device=known.device)
        packed = self.powers[0] @ (known.index_select(1, row) * weighted.index_select(1, column))
        square = torch.zeros(k + 1, k + 1, dtype=torch.int64, device=known.device)
        square[row, column] = square[column, row] = torch.arange(len(row), device=known.device)
        outer = packed.index_select(1, square.view(-1)).view(-1, k + 1, k + 1)  # sums of z z'
        cross = self.powers[1] @ weighted  # sums of y z
        scale = problem.scale[part, None]
        left = problem.base + scale[:, :, None] * outer[:, :k, :k]
        left.diagonal(dim1=1, dim2=2).add_(problem.ridge[part, None])
        toward = cross[:, :k] - outer[:, :k, k]
        lower = torch.linalg.cholesky(left)
        half = torch.linalg.solve_triangular(
            lower, (problem.right[part] + scale * toward)[:, :, None], upper=False
        )
        noise = problem.noise[part, :, None] if problem.noise is not None else torch.zeros_like(half)
        both = torch.linalg.solve_triangular(lower.mT, torch.cat([half, half + noise], dim=2), upper=True)
        found.means[part], code = both.unbind(dim=2)
        found.codes[part] = code
        own = (self.powers[2] @ problem.weights[:, None])[:, 0] - 2 * cross[:, k] + outer[:, k, k]
        explained = (
            2 * (code * toward).sum(1) - (code[:, None, :] @ outer[:, :k, :k] @ code[:, :, None])[:, 0, 0]
        )
        found.squares[part] = own - explained


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
    indptr: np.ndarray,
    indices: np.ndarray,
    targets: np.ndarray,
    inputs: np.ndarray,
    base: np.ndarray,
    ridge: np.ndarray,
    scale: np.ndarray,
    right: np.ndarray,
    offsets: np.ndarray,
    weights: np.ndarray,
    noise: np.ndarray,
    means: np.ndarray,
    codes: np.ndarray,
    squares: np.ndarray,
) -> None:  # pragma: no cover - compiled
    k = inputs.shape[1]
    gathered = np.empty((GATHERED, k + 1), dtype=np.float32)
    weighted = np.empty((GATHERED, k + 1), dtype=np.float32)
    product = np.empty((k + 1, k + 1), dtype=np.float32)
    sums = np.empty((k + 1, k + 1), dtype=np.float32)  # of [q, y - o] [q, y - o]', weighted
    upper, lower = np.empty((k, k), dtype=np.float32), np.empty((k, k), dtype=np.float32)
    for row in range(first, last):
        sums[:] = 0
        entry, stop = indptr[row], indptr[row + 1]
        while entry < stop:
            taken = min(GATHERED, stop - entry)
            for at in range(taken):
                column = indices[entry + at]
                weight = weights[column]
                for i in range(k):
                    gathered[at, i] = inputs[column, i]
                    weighted[at, i] = weight * inputs[column, i]
                gathered[at, k] = targets[entry + at] - offsets[column]
                weighted[at, k] = weight * gathered[at, k]
            np.dot(weighted[:taken].T, gathered[:taken], product)
            sums += product
            entry += taken
        for i in range(k):
            for j in range(i, k):
                upper[i, j] = base[i, j] + scale[row] * sums[i, j]
            upper[i, i] += ridge[row]
            means[row, i] = right[row, i] + scale[row] * sums[i, k]
        _cholesky(upper, lower)
        _forward(upper, means[row])
        codes[row] = means[row]
        if noise.shape[1]:
            codes[row] += noise[row]
        _backward(lower, means[row])
        _backward(lower, codes[row])
        square = np.float64(sums[k, k])
        for i in range(k):
            line = np.float64(-2 * sums[i, k])
            for j in range(k):
                line += np.float64(sums[i, j]) * codes[row, j]
            square += codes[row, i] * line
        squares[row] = square


@COMPILED
def _cholesky(upper: np.ndarray, lower: np.ndarray) -> None:  # pragma: no cover - compiled
    """Factors R and R' of ``R'R = upper``, R in place; with 1 / r on their diagonals.

    Both are kept because every loop below then runs along a row.
    """
    for i in range(len(upper)):
        upper[i, i] = 1 / np.sqrt(upper[i, i])
        for j in range(i + 1, len(upper)):
            upper[i, j] *= upper[i, i]
        for m in range(i + 1, len(upper)):
            for j in range(m, len(upper)):
                upper[m, j] -= upper[i, m] * upper[i, j]
        for j in range(i, len(upper)):
            lower[j, i] = upper[i, j]


@COMPILED
def _forward(upper: np.ndarray, vector: np.ndarray) -> None:  # pragma: no cover - compiled
    """Solve R' x = vector in place."""
    for i in range(len(vector)):
        vector[i] *= upper[i, i]
        for j in range(i + 1, len(vector)):
            vector[j] -= vector[i] * upper[i, j]


@COMPILED
def _backward(lower: np.ndarray, vector: np.ndarray) -> None:  # pragma: no cover - compiled
    """Solve R x = vector in place."""
    for i in range(len(vector) - 1, -1, -1):
        vector[i] *= lower[i, i]
        for j in range(i):
            vector[j] -= vector[i] * lower[i, j]
