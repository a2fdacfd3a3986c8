"""EASE, the closed form of a shallow autoencoder: the ridge solve with a zero diagonal, and what goes into it.

A shallow (one-layer, linear) autoencoder reconstructs a user's row of movies from itself, ``Z ~ Z B``, where
no movie may explain itself (B's diagonal is 0). Its least-squares solution needs only the Gram matrix
``A = Z'Z``, whose entries are co-occurrence sums (``kernels.cooccurrence``), and one inverse.

H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.runtime.resources import memory_bytes

PART = 512  # rows of a Gram matrix that features are added to at a time
COUNT_FLOOR = 20  # ratings
CANDIDATES = 2  # that are judged side by side: both fit at once
SOLVING = 2 * 4  # bytes per pair of inputs while a closed form is solved: two float32 matrices

TOO_LITTLE_MEMORY = (
    "%s: memory holds the closed form of the %s most rated of %s movies; more with a higher %s"
)


def solvable(side_by_side: int = 1) -> int:
    """How many inputs a closed form may have: as many as half of the memory holds.

    Parameters
    ----------
    side_by_side : int
        How many closed forms one fit may solve at once.
    """
    return math.isqrt(memory_bytes() // 2 // (CANDIDATES * side_by_side * SOLVING))


def mean_count(snapshot: Snapshot) -> float:
    """Ratings of a user who has any."""
    counts = np.diff(snapshot.ratings.indptr)
    return float(counts[counts > 0].mean()) if snapshot.ratings.nnz else 0.0


def user_weights(snapshot: Snapshot, exponent: float, mean: float | None = None) -> NDArray[np.float32]:
    """Weight of each user's row, ((mean + 20) / (n_u + 20)) ** exponent; float32, (U,), 0 without ratings.

    Without it one user with a thousand ratings adds as many pairs as ten thousand users with ten; the
    constant keeps users with hardly any rating from drowning the rest. ``mean`` is that of all users where these are
    only some of them.
    """
    counts = np.diff(snapshot.ratings.indptr)
    mean = mean_count(snapshot) if mean is None else mean
    weights = ((mean + COUNT_FLOOR) / (counts + COUNT_FLOOR)) ** exponent
    return np.where(counts > 0, weights, 0).astype(np.float32)


def add_features(gram: NDArray[np.float32], features: csr_array, weight: float) -> None:
    """Add a training row per feature, of that weight, to the leading part of a Gram matrix, band by band.

    Parameters
    ----------
    gram : ndarray of float32, shape (>= M, >= M)
    features : csr_array, shape (M, C)
    weight : float
    """
    size = features.shape[0]
    for first in range(0, size, PART):
        both = (features[first : first + PART] @ features.T).toarray()
        both *= weight**2
        gram[:size, :size][first : first + PART] += both


def zero_diagonal_ridge(
    gram: NDArray[np.float32], ridge: float, *, outputs: int, device: str = "cpu"
) -> NDArray[np.float32]:
    """Weights B of the best linear reconstruction in which no input explains itself.

    Minimises ``|Z - Z B|^2 + ridge |B|^2`` with diag(B) = 0: with ``P = (Z'Z + ridge I)^-1``,
    ``B = I - P diag(1 / diag P)``.

    Parameters
    ----------
    gram : ndarray of float32, shape (N, N)
        ``Z'Z``; overwritten. A caller that does not hold it leaves room for the inverse.
    ridge : float
        Strength of the penalty, > 0, in ratings.
    outputs : int
        How many leading columns are wanted (the movies; further inputs are only inputs).
    device : str
        Torch device of the inverse.

    Returns
    -------
    ndarray of float32, shape (N, outputs)
    """
    inner = torch.from_numpy(gram).to(device)
    inner.diagonal().add_(ridge)
    factor = torch.linalg.cholesky(inner)
    del gram, inner
    inverse = torch.cholesky_inverse(factor).mT  # symmetric; transposed, its rows lie one after the other
    del factor
    weights = inverse[:, :outputs].div_(-inverse.diagonal()[:outputs].clone())
    weights.diagonal().zero_()
    return np.ascontiguousarray(weights.cpu().numpy())
