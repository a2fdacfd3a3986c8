"""Which movies a user rated at all, and who rated a movie: the stars model's side information.

The matrix F of these sets is handed on as its thin singular value decomposition F = U S V', computed once: in
the rotated basis the posterior of its weights is diagonal, so a Gibbs step costs two thin products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.models.kernels.batched_ridge import sparse
from recengine.models.kernels.sparse_product import product, tiled

SUBSPACE_EXTRA, SUBSPACE_STEPS = 10, 2  # oversampling and power steps of the randomised decomposition
SMALLEST_SINGULAR = 1e-3  # relative to the largest; below it a direction is noise of float32


@dataclass(frozen=True)
class Sets:
    """The leading directions of F: ``left`` (n, r) orthonormal columns, ``singular`` (r,), both float32."""

    left: torch.Tensor
    singular: torch.Tensor


def rated_sets(ratings: csr_array, rank: int, seed: int, device: str) -> Sets:
    """Leading directions of the rows' sets, 1 / sqrt(count + 1) where rated.

    Parameters
    ----------
    ratings : csr_array, shape (n, m)
        A row per user, or per movie.
    rank : int
        Most directions; 0 for none.
    seed : int
        Of the randomised subspace iteration (Halko, Martinsson and Tropp, SIAM Review 2011).
    device : str
        Where the result will lie.
    """
    rank = min(rank, *ratings.shape)
    if rank == 0:
        return Sets(torch.zeros(ratings.shape[0], 0, device=device), torch.zeros(0, device=device))
    scale = torch.from_numpy(1 / np.sqrt(np.diff(ratings.indptr) + 1)).to(device, torch.float32)[:, None]
    forward, back = _times(ratings, device), _times(ratings.T.tocsr(), device)

    def rows(dense: torch.Tensor) -> torch.Tensor:
        return scale * forward(dense)

    def columns(dense: torch.Tensor) -> torch.Tensor:
        return back(scale * dense)

    draw = torch.Generator(device).manual_seed(seed)
    width = min(rank + SUBSPACE_EXTRA, *ratings.shape)
    basis = rows(torch.randn(ratings.shape[1], width, generator=draw, device=device))
    for _ in range(SUBSPACE_STEPS):
        basis = torch.linalg.qr(rows(columns(torch.linalg.qr(basis).Q))).Q
    small = columns(basis).double()  # (m, width): few columns, so their Gram matrix says it all
    squares, left = torch.linalg.eigh(small.T @ small)  # rising
    singular, left = squares.clamp(min=0).sqrt().flip(0)[:rank], left.flip(1)[:, :rank]
    keep = int((singular > SMALLEST_SINGULAR * singular[0]).sum())
    return Sets((basis @ left[:, :keep].float()).contiguous(), singular[:keep].float())


def _times(matrix: csr_array, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """What multiplies the matrix, its stored entries being 1, by a dense one on the device."""
    if device == "cpu":
        return lambda dense: torch.from_numpy(product(matrix, tiled(dense.numpy()), dense.shape[1]))
    ones = np.ones(matrix.nnz, dtype=np.float32)
    return sparse(csr_array((ones, matrix.indices, matrix.indptr), shape=matrix.shape), device).__matmul__
