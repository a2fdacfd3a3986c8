"""What boosting a user's scores does to the ten best: nDCG@10 of many boosts at many weights at once.

However much a boost counts, a movie that ten others beat in score and in boost is never among the ten best. What is
left of a catalogue after that, about a hundred movies, is found in one pass in the order of the boost; then every
weight is tried on these only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED
from recengine.models.kernels.csr import Pattern, pattern_of
from recengine.models.kernels.insertion import insert
from recengine.runtime.threads import in_parts

TOP = 10  # the lists that are judged
PART = 16  # users judged by one thread at a time


class Boosts(NamedTuple):
    """What is tried: each boost times each weight.

    Attributes
    ----------
    values : ndarray of float32, shape (L, M)
    orders : ndarray of int32, shape (L, M)
        The movies of each boost, most boosted first.
    weights : ndarray of float32, shape (W,)
    """

    values: NDArray[np.float32]
    orders: NDArray[np.int32]
    weights: NDArray[np.float32]


def ndcg_gains(
    scores: NDArray[np.float32],
    seen: csr_array,
    relevant: csr_array,
    boosts: NDArray[np.float32],
    weights: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Gain in nDCG@10 over no boost of every user, boost and weight.

    Parameters
    ----------
    scores : ndarray of float32, shape (E, M)
    seen, relevant : csr_array, shape (E, M)
        Where an entry is stored: movies that are not listed, and those that should be.
    boosts : ndarray of float32, shape (L, M)
    weights : ndarray of float32, shape (W,)
        Above 0.

    Returns
    -------
    ndarray of float64, shape (E, L x W)
        Weights vary fastest.
    """
    gains = np.zeros((len(scores), len(boosts), len(weights)))
    tried = Boosts(boosts, np.argsort(-boosts, axis=1, kind="stable").astype(np.int32), weights)
    hidden, wanted = pattern_of(seen), pattern_of(relevant)
    in_parts(lambda a, b: _gains(a, b, scores, hidden, wanted, tried, gains), len(scores), PART)
    return gains.reshape(len(scores), -1)


@COMPILED
def _gains(
    first: int,
    last: int,
    scores: NDArray[np.float32],
    seen: Pattern,
    relevant: Pattern,
    boosts: Boosts,
    gains: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    everything = np.arange(scores.shape[1]).astype(np.int32)
    left = np.empty(scores.shape[1], dtype=np.int32)
    for user in range(first, last):
        unseen, is_relevant = scores[user].copy(), np.zeros(scores.shape[1], dtype=np.bool_)
        unseen[seen.columns[seen.indptr[user] : seen.indptr[user + 1]]] = -np.inf
        is_relevant[relevant.columns[relevant.indptr[user] : relevant.indptr[user + 1]]] = True
        base = _ndcg(_top(unseen, boosts.values[0], 0.0, everything), is_relevant)
        for boost in range(len(boosts.values)):
            count = _unbeaten(unseen, boosts.orders[boost], left)
            for weight in range(len(boosts.weights)):
                top = _top(unseen, boosts.values[boost], boosts.weights[weight], left[:count])
                gains[user, boost, weight] = _ndcg(top, is_relevant) - base


@COMPILED
def _unbeaten(
    scores: NDArray[np.float32], order: NDArray[np.int32], left: NDArray[np.int32]
) -> int:  # pragma: no cover - compiled
    """Put into ``left`` the movies that fewer than ten earlier ones of ``order`` beat; how many they are."""
    best, places = np.full(TOP, -np.inf, dtype=np.float32), np.full(TOP, -1)
    count = 0
    for at in range(len(order)):
        value = scores[order[at]]
        if value > best[-1]:
            left[count] = order[at]
            count += 1
            insert(value, at, best, places)
    return count


@COMPILED
def _top(
    scores: NDArray[np.float32], boost: NDArray[np.float32], weight: float, movies: NDArray[np.int32]
) -> NDArray[np.int64]:  # pragma: no cover - compiled
    """The ten of some movies with the highest boosted scores, best first, earlier ones first of equal ones.

    -1 where there are fewer.
    """
    best, top = np.full(TOP, -np.inf, dtype=np.float32), np.full(TOP, -1)
    for at in range(len(movies)):
        value = scores[movies[at]] + weight * boost[movies[at]]
        if value > best[-1]:
            insert(value, at, best, top)
    for place in range(TOP):
        if top[place] >= 0:
            top[place] = movies[top[place]]
    return top


@COMPILED
def _ndcg(top: NDArray[np.int64], relevant: NDArray[np.bool_]) -> float:  # pragma: no cover - compiled
    gained = ideal = 0.0
    for place in range(min(TOP, relevant.sum())):
        ideal += 1 / np.log2(place + 2)
    for place in range(TOP):
        if top[place] >= 0 and relevant[top[place]]:
            gained += 1 / np.log2(place + 2)
    return gained / ideal
