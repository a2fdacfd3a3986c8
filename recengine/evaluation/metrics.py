"""Accuracy of lists and of predicted stars, per user.

Lists are judged with binary relevance over the full catalogue. Every metric comes back per user, so that
intervals and paired tests can resample users; the figure to print is the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


def hits(top: NDArray[np.integer[Any]], relevant: csr_array) -> NDArray[np.bool_]:
    """Which recommendations are relevant.

    Parameters
    ----------
    top : ndarray of int, shape (E, K)
        Movie index of each user's recommendations, best first; -1 pads lists that are shorter.
    relevant : csr_array, shape (E, M)
        A stored entry is a relevant movie; indices sorted.

    Returns
    -------
    ndarray of bool, shape (E, K)
    """
    users, movies = relevant.shape
    stored = np.repeat(np.arange(users), np.diff(relevant.indptr)) * movies + relevant.indices
    asked = np.arange(users)[:, None] * movies + top
    # Ascending already, so that looking up is several times faster than np.isin, which would sort again.
    place = np.searchsorted(stored, asked)
    return np.asarray((np.append(stored, -1)[place] == asked) & (top >= 0))


def ranking_metrics(
    top: NDArray[np.integer[Any]], relevant: csr_array, ks: Sequence[int] = (5, 10, 20)
) -> dict[str, NDArray[np.float64]]:
    """Rank metrics of every user at every cut-off.

    With h relevant movies among the first k, and R relevant movies in all:

    - ``ndcg@k``: sum of 1/log2(rank + 1) over the hits, divided by that of the best possible list, which
      has min(k, R) hits on top (Järvelin & Kekäläinen 2002).
    - ``precision@k``: h / k, also where fewer than k movies could be recommended.
    - ``recall@k``: h / R.
    - ``recall_capped@k``: h / min(k, R), which can reach 1 for everybody (as Liang et al. 2018, Mult-VAE).
    - ``map@k``: precision at each hit's rank, summed and divided by R (trec_eval's ``map_cut``, ranx, the
      benchmark of Microsoft's Recommenders); some libraries divide by min(k, R) instead.
    - ``mrr@k``: 1 / rank of the first hit, 0 without one.
    - ``hit_rate@k``: 1 if h > 0.

    Parameters
    ----------
    top : ndarray of int, shape (E, K)
        As in ``hits``; K must be at least ``max(ks)``.
    relevant : csr_array, shape (E, M)
        Every user needs a relevant movie.
    ks : sequence of int
        Cut-offs.

    Returns
    -------
    dict of str to ndarray of float64, shape (E,)
        By name, "ndcg@10" and so on.

    Raises
    ------
    ValueError
        If a list is shorter than a cut-off or a user has nothing relevant.
    """
    total = np.diff(relevant.indptr)
    if top.shape[1] < max(ks):
        raise ValueError(f"lists of {top.shape[1]} cannot be judged at {max(ks)}")
    if not total.all():
        raise ValueError("a user without relevant movies has no rank metrics")
    hit = hits(top, relevant).astype(np.float64)  # (E, K)
    ranks = np.arange(1, top.shape[1] + 1)
    discount = 1 / np.log2(ranks + 1)
    ideal = np.cumsum(discount)
    precision_at_hits = hit * np.cumsum(hit, axis=1) / ranks
    metrics: dict[str, NDArray[np.float64]] = {}
    for k in ks:
        count, best = hit[:, :k].sum(axis=1), np.minimum(total, k)
        metrics[f"ndcg@{k}"] = hit[:, :k] @ discount[:k] / ideal[best - 1]
        metrics[f"precision@{k}"] = count / k
        metrics[f"recall@{k}"] = count / total
        metrics[f"recall_capped@{k}"] = count / best
        metrics[f"map@{k}"] = precision_at_hits[:, :k].sum(axis=1) / total
        metrics[f"mrr@{k}"] = (hit[:, :k] / ranks[:k]).max(axis=1)
        metrics[f"hit_rate@{k}"] = (count > 0).astype(np.float64)
    return metrics


def rating_errors(
    user_index: NDArray[np.integer[Any]],
    truth: NDArray[np.floating[Any]],
    predicted: NDArray[np.floating[Any]],
) -> dict[str, NDArray[np.float64]]:
    """Sums over each user's held-out ratings, from which every rating metric follows.

    Parameters
    ----------
    user_index : ndarray of int, shape (P,)
        Whose rating it is.
    truth, predicted : ndarray of float, shape (P,)
        Stars.

    Returns
    -------
    dict of str to ndarray of float64, shape (T,)
        ``squared`` and ``absolute`` error sums and ``count`` of the T users, ascending by index.
    """
    _, row = np.unique(user_index, return_inverse=True)
    error = predicted.astype(np.float64) - truth
    return {
        "squared": np.bincount(row, error**2).astype(np.float64, copy=False),
        "absolute": np.bincount(row, np.abs(error)).astype(np.float64, copy=False),
        "count": np.bincount(row).astype(np.float64),
    }


def rmse(truth: NDArray[np.floating[Any]], predicted: NDArray[np.floating[Any]]) -> float:
    """Root mean squared error over all ratings, in stars."""
    return float(np.sqrt(np.mean((predicted.astype(np.float64) - truth) ** 2)))


def mae(truth: NDArray[np.floating[Any]], predicted: NDArray[np.floating[Any]]) -> float:
    """Mean absolute error over all ratings, in stars."""
    return float(np.mean(np.abs(predicted.astype(np.float64) - truth)))


def rmse_mean_per_user(
    user_index: NDArray[np.integer[Any]],
    truth: NDArray[np.floating[Any]],
    predicted: NDArray[np.floating[Any]],
) -> float:
    """Mean over users of each one's own RMSE, in stars: the error that Shinde's article (2018) reports."""
    sums = rating_errors(user_index, truth, predicted)
    return float(np.sqrt(sums["squared"] / sums["count"]).mean())
