"""Which movies a user rated at all, and who rated a movie: the stars model's side information.

The matrix F of these sets is handed on as its thin singular value decomposition F = U S V', computed once: in
the rotated basis the posterior of its weights is diagonal, so a Gibbs step costs two thin products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.models.codes import sparse

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
    counts = np.diff(ratings.indptr)
    scale = np.repeat(1 / np.sqrt(counts + 1), counts).astype(np.float32)
    scaled = csr_array((scale, ratings.indices, ratings.indptr), shape=ratings.shape)
    rows, columns = sparse(scaled, device), sparse(scaled.T.tocsr(), device)
    draw = torch.Generator(device).manual_seed(seed)
    width = min(rank + SUBSPACE_EXTRA, *ratings.shape)
    basis = rows @ torch.randn(ratings.shape[1], width, generator=draw, device=device)
    for _ in range(SUBSPACE_STEPS):
        basis = torch.linalg.qr(rows @ (columns @ torch.linalg.qr(basis).Q)).Q
    left, singular, _ = torch.linalg.svd((columns @ basis).T, full_matrices=False)
    keep = int((singular[:rank] > SMALLEST_SINGULAR * singular[0]).sum())
    return Sets((basis @ left[:, :keep]).contiguous(), singular[:keep].contiguous())
