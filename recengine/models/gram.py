"""The shallow autoencoder's mathematics: co-rating sums, and the zero-diagonal ridge solve on them.

A shallow (one-layer, linear) autoencoder reconstructs a user's row of movies from itself, ``Z ~ Z B``, where
no movie may explain itself (B's diagonal is 0). Its least-squares solution needs only the Gram matrix
``A = Z'Z`` and one inverse [1]_. Builder and solver are separate so that a faster path can replace either.

.. [1] H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.snapshot import Snapshot

BANDS = 16  # the Gram's rows are summed in this many bands, whatever the number of threads
COUNT_FLOOR = 20  # ratings
NEGLIGIBLE = 12.0  # exp(-12): pairs of ratings further apart than this many time scales share no session


def rated(snapshot: Snapshot) -> csr_array:
    """Which movies a user rated at all, 1.0 per rating, csr_array of float32, shape (U, M)."""
    ones = np.ones(snapshot.ratings.nnz, dtype=np.float32)
    return csr_array((ones, snapshot.ratings.indices, snapshot.ratings.indptr), shape=snapshot.ratings.shape)


def user_weights(snapshot: Snapshot, exponent: float) -> np.ndarray:
    """Weight of each user's row, ((mean + 20) / (n_u + 20)) ** exponent; float32, (U,), 0 without ratings.

    Without it one user with a thousand ratings adds as many pairs as ten thousand users with ten; the
    constant keeps users with hardly any rating from drowning the rest.
    """
    counts = np.diff(snapshot.ratings.indptr)
    mean = counts[counts > 0].mean() if snapshot.ratings.nnz else 0.0
    weights = ((mean + COUNT_FLOOR) / (counts + COUNT_FLOOR)) ** exponent
    return np.where(counts > 0, weights, 0).astype(np.float32)


def pair_sums(
    rows: csr_array,
    rated_at: np.ndarray,
    weights: np.ndarray,
    session_share: float = 0.0,
    session_hours: float = 1.0,
) -> np.ndarray:
    """Weighted number of users who rated both movies, more for pairs rated in one sitting.

    Parameters
    ----------
    rows : csr_array, shape (U, M)
        A stored entry is a rating; rows sorted by movie.
    rated_at : ndarray of int64, shape (nnz,)
        Seconds since 1970 of each stored entry.
    weights : ndarray of float32, shape (U,)
        Weight of each user.
    session_share : float
        Share s of a pair's weight that depends on the time between its two ratings:
        w_u ((1 - s) + s exp(-|t_i - t_j| / session_hours)).
    session_hours : float
        Time scale of a sitting, in hours.

    Returns
    -------
    ndarray of float32, shape (M, M)
        Symmetric; the sums are made in a fixed order, so that they are the same with any number of threads.
    """
    movies = rows.shape[1]
    gram = np.zeros((movies, movies), dtype=np.float32)
    edges = np.linspace(0, movies, BANDS + 1).astype(np.int64)
    _add_pairs(
        np.asarray(rows.indptr, dtype=np.int64),
        np.asarray(rows.indices, dtype=np.int64),
        np.asarray(rated_at, dtype=np.int64),
        np.asarray(weights, dtype=np.float32),
        session_share,
        session_hours * 3600,
        edges,
        gram,
    )
    return gram


@numba.njit(parallel=True, cache=True)
def _add_pairs(
    indptr: np.ndarray,
    movie: np.ndarray,
    time: np.ndarray,
    weights: np.ndarray,
    share: float,
    seconds: float,
    edges: np.ndarray,
    gram: np.ndarray,
) -> None:  # pragma: no cover - compiled
    for band in numba.prange(len(edges) - 1):
        for user in range(len(weights)):
            start, stop = indptr[user], indptr[user + 1]
            first = start + np.searchsorted(movie[start:stop], edges[band])
            last = start + np.searchsorted(movie[start:stop], edges[band + 1])
            for i in range(first, last):
                for j in range(start, stop):
                    gap = abs(time[i] - time[j]) / seconds
                    near = np.exp(-gap) if share > 0 and gap < NEGLIGIBLE else 0.0
                    gram[movie[i], movie[j]] += weights[user] * (1 - share + share * near)


def zero_diagonal_ridge(gram: np.ndarray, ridge: float, *, outputs: int, device: str = "cpu") -> np.ndarray:
    """Weights B of the best linear reconstruction in which no input explains itself.

    Minimises ``|Z - Z B|^2 + ridge |B|^2`` with diag(B) = 0: with ``P = (Z'Z + ridge I)^-1``,
    ``B = I - P diag(1 / diag P)``.

    Parameters
    ----------
    gram : ndarray of float32, shape (N, N)
        ``Z'Z``; overwritten.
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
    inverse = torch.cholesky_inverse(factor)
    weights = inverse[:, :outputs] / -inverse.diagonal()[:outputs]
    weights.diagonal().zero_()
    return weights.cpu().numpy()
