"""Orthonormal columns of a tall matrix from its Gram matrix: two passes over it where Householder's takes many."""

from __future__ import annotations

from typing import NamedTuple

import torch

SMALLEST = 1e-6  # singular value, relative to the largest, below which float32 columns say nothing
PART = 8192  # rows whose products are summed at once


class TallQR(NamedTuple):
    """``A = Q R`` with orthonormal columns of Q (n, r) and R (r, k), r <= k the rank; R is not triangular."""

    Q: torch.Tensor
    R: torch.Tensor


def tall_qr(matrix: torch.Tensor) -> TallQR:
    """Orthonormal columns that span those of a matrix, and the matrix in terms of them.

    With ``A'A = V S^2 V'`` the columns of ``A V / S`` are orthonormal. A Gram matrix squares the condition, so the
    first one is in float64, which leaves no more than float32 itself rounds; a second pass mends that ("CholeskyQR2":
    Y. Yamamoto et al., ETNA 2015, here with a decomposition that stands dependent columns).

    Parameters
    ----------
    matrix : Tensor of float32, shape (n, k)
        Tall: n is much larger than k.
    """
    first, of_first = _once(matrix, torch.float64)
    second, of_second = _once(first, torch.float32)
    return TallQR(second, of_second @ of_first)


def nearly_orthonormal(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """``B`` (k, r) and ``R`` (r, k) with ``A = A B R`` and the columns of ``A B`` nearly orthonormal, from one pass.

    For products of two stacks that are cut to their leading directions: ``A B`` itself need not be made for it, and
    what float32 leaves of small directions is cut off.
    """
    squares, right = torch.linalg.eigh(_gram(matrix, torch.float32))
    singular = squares.clamp(min=0).sqrt()
    keep = singular > SMALLEST * singular[-1:]
    singular, right = singular[keep], right[:, keep]
    return (right / singular).float(), (singular[:, None] * right.T).float()


def _once(matrix: torch.Tensor, dtype: torch.dtype) -> TallQR:
    squares, right = torch.linalg.eigh(_gram(matrix, dtype))  # rising
    singular = squares.clamp(min=0).sqrt()
    keep = singular > SMALLEST * singular[-1:]
    singular, right = singular[keep], right[:, keep]
    return TallQR(matrix @ (right / singular).float(), (singular[:, None] * right.T).float())


def _gram(matrix: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A'A as float64, from sums over ``PART`` rows in the type given."""
    total = torch.zeros(matrix.shape[1], matrix.shape[1], dtype=torch.float64, device=matrix.device)
    for rows in torch.split(matrix, PART):
        wide = rows.to(dtype)
        total += wide.T @ wide
    return total
