"""The shallow autoencoder's mathematics: co-rating sums, and the zero-diagonal ridge solve on them.

A shallow (one-layer, linear) autoencoder reconstructs a user's row of movies from itself, ``Z ~ Z B``, where
no movie may explain itself (B's diagonal is 0). Its least-squares solution needs only the Gram matrix
``A = Z'Z`` and one inverse [1]_. Builder and solver are separate so that a faster path can replace either.

.. [1] H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.models.common_raters import mirror
from recengine.models.compiled import COMPILED
from recengine.snapshot import Snapshot
from recengine.threads import in_parts

BANDS = 64  # the Gram's rows are summed in this many bands, whatever the number of threads
PART = 1024
COUNT_FLOOR = 20  # ratings
PAUSE = 12.0  # a sitting ends with a pause of this many time scales: exp(-12) is next to nothing
LONGEST = 120.0  # ... or when it has lasted this many


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
    head: int | None = None,
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
        w_u ((1 - s) + s exp(-|t_i - t_j| / session_hours)), where the second part is for pairs of one
        sitting.
    session_hours : float
        Time scale of a sitting, in hours.
    head : int, optional
        How many leading movies H are counted; all when left out.

    Returns
    -------
    ndarray of float32, shape (H, H)
        Symmetric; the sums are made in a fixed order, so that they are the same with any number of threads.
    """
    users, movies = rows.shape[0], rows.shape[1] if head is None else head
    gram = np.zeros((movies, movies), dtype=np.float32)
    indptr, indices = np.asarray(rows.indptr, dtype=np.int64), np.asarray(rows.indices, dtype=np.uint32)
    weights = np.asarray(weights, dtype=np.float32)
    after, before = np.ones((2, rows.nnz), dtype=np.float32)
    sitting = np.zeros(rows.nnz, dtype=np.int32)
    if session_share:
        times, scale = (indptr, np.asarray(rated_at, dtype=np.int64)), session_hours * 3600
        in_parts(
            lambda first, last: _sittings(first, last, *times, scale, after, before, sitting), users, PART
        )
    pairs = (indptr, indices, weights, session_share, after, before, sitting)
    in_parts(lambda first, last: _add_pairs(first, last, *pairs, gram), movies, -(-movies // BANDS))
    in_parts(lambda first, last: mirror(first, last, gram), movies, PART)
    return gram


@COMPILED
def _sittings(
    first: int,
    last: int,
    indptr: np.ndarray,
    time: np.ndarray,
    scale: float,
    after: np.ndarray,
    before: np.ndarray,
    sitting: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Number the users' sittings, and note exp(t) and exp(-t), t in time scales since the sitting's start.

    The time between two ratings of a sitting then costs no exponential: exp(-|t - t'|) is the smaller one
    of exp(t) exp(-t') and exp(t') exp(-t).
    """
    for user in range(first, last):
        start = indptr[user]
        order = start + np.argsort(time[start : indptr[user + 1]], kind="mergesort")
        began = newest = 0
        number = 0
        for place in range(len(order)):
            now = time[order[place]]
            if place == 0 or now - newest > PAUSE * scale or now - began > LONGEST * scale:
                began, number = now, number + 1
            newest = now
            since = (now - began) / scale - LONGEST / 2  # from the middle: both stay within float32
            after[order[place]], before[order[place]] = np.exp(since), np.exp(-since)
            sitting[order[place]] = number


@COMPILED
def _add_pairs(
    first: int,
    last: int,
    indptr: np.ndarray,
    movie: np.ndarray,
    weights: np.ndarray,
    share: float,
    after: np.ndarray,
    before: np.ndarray,
    sitting: np.ndarray,
    gram: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Rows first .. last of the upper triangle."""
    for user in range(len(weights)):
        every = movie[indptr[user] : indptr[user + 1]]
        start = indptr[user] + np.searchsorted(every, first)
        middle = indptr[user] + np.searchsorted(every, last)
        stop = indptr[user] + np.searchsorted(every, len(gram))
        always = np.float32(weights[user] * (1 - share))
        near = np.float32(weights[user] * share)
        for i in range(start, middle):
            row, own, since, until = gram[movie[i]], sitting[i], after[i], before[i]
            row[movie[i]] += always + near
            for j in range(i + 1, stop):
                close = min(since * before[j], until * after[j])
                row[movie[j]] += always + (near * close if own == sitting[j] else np.float32(0))


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
    inverse = torch.cholesky_inverse(factor).mT  # symmetric; transposed, its rows lie one after the other
    weights = inverse[:, :outputs].div_(-inverse.diagonal()[:outputs].clone())
    weights.diagonal().zero_()
    return np.ascontiguousarray(weights.cpu().numpy())
