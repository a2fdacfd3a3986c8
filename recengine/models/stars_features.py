"""Side information of the stars model: what is known of users and movies apart from the star values.

Each group of columns F is handed on as its thin singular value decomposition F = U S V', computed once:
in the rotated basis the posterior of a group's weights is diagonal, so a Gibbs step costs two thin products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.models.codes import sparse
from recengine.snapshot import Snapshot

SUBSPACE_EXTRA, SUBSPACE_STEPS = 10, 2  # oversampling and power steps of the randomised decomposition
SMALLEST_SINGULAR = 1e-3  # relative to the largest; below it a direction is noise of float32


@dataclass(frozen=True)
class Group:
    """One group of columns in its own basis: ``left`` (n, r) orthonormal columns, ``singular`` (r,)."""

    left: torch.Tensor
    singular: torch.Tensor


def user_groups(snapshot: Snapshot, implicit_rank: int, seed: int, device: str) -> list[Group]:
    """Occupation, sex with age, first zip digit, and which movies the user rated at all.

    Parameters
    ----------
    snapshot : Snapshot
        Attribute columns may be missing; a missing group is left out.
    implicit_rank : int
        Directions kept of the rated-at-all matrix; 0 leaves it out.
    seed : int
        Of the randomised decomposition.
    device : str
        Where the groups will lie.

    Returns
    -------
    list of Group
        ``left`` of shape (U, r), float32.
    """
    named = (("occupation",), ("gender", "age_band"), ("zip",))
    dense = [snapshot.user_group(*names).toarray() for names in named]
    groups = [_thin(block, device) for block in dense if block.any()]
    return groups + _implicit(snapshot.ratings, implicit_rank, seed, device)


def movie_groups(snapshot: Snapshot, implicit_rank: int, seed: int, device: str) -> list[Group]:
    """Genres, release-year bin, and who rated the movie at all; see ``user_groups``."""
    genres = snapshot.movie_group("genre").toarray()
    genres = genres / np.sqrt(np.maximum(genres.sum(axis=1, keepdims=True), 1))
    dense = [genres, snapshot.movie_group("year_bin").toarray()]
    groups = [_thin(block, device) for block in dense if block.any()]
    return groups + _implicit(snapshot.ratings.T.tocsr(), implicit_rank, seed, device)


def _thin(columns: np.ndarray, device: str) -> Group:
    """Thin decomposition of a tall narrow block through its small Gram matrix."""
    block = torch.as_tensor(np.ascontiguousarray(columns), dtype=torch.float64)
    squares, right = torch.linalg.eigh(block.T @ block)
    keep = squares > SMALLEST_SINGULAR**2 * squares[-1]
    singular = squares[keep].sqrt()
    left = block @ right[:, keep] / singular
    return Group(left.to(device, torch.float32), singular.to(device, torch.float32))


def _implicit(ratings: csr_array, rank: int, seed: int, device: str) -> list[Group]:
    """Leading directions of rated-at-all / sqrt(count + 1), by randomised subspace iteration (Halko 2011)."""
    rank = min(rank, *ratings.shape)
    if rank == 0:
        return []
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
    return [Group((basis @ left[:, :keep]).contiguous(), singular[:keep].contiguous())]
