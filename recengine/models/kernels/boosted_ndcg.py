"""What lifting a user's scores does to the ten best: nDCG@10 of many lifts at many weights at once.

However much a lift counts, a movie that ten others beat in score and in lift is never among the ten best. What is
left of a catalogue after that, about a hundred movies, is found in one pass in the order of the lift; then every
weight is tried on these only.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from recengine.models.kernels.compiled import COMPILED
from recengine.runtime.threads import in_parts

TOP = 10  # the lists that are judged
PART = 16  # users judged by one thread at a time


def gains(
    scores: np.ndarray, known: csr_array, wanted: csr_array, lifts: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Gain in nDCG@10 over no lift of every user, lift and weight.

    Parameters
    ----------
    scores : ndarray of float32, shape (E, M)
    known, wanted : csr_array, shape (E, M)
        Where an entry is stored: movies that are not listed, and those that should be.
    lifts : ndarray of float32, shape (L, M)
    weights : ndarray of float32, shape (W,)
        Above 0.

    Returns
    -------
    ndarray of float64, shape (E, L x W)
        Weights vary fastest.
    """
    found = np.zeros((len(scores), len(lifts), len(weights)))
    orders = np.argsort(-lifts, axis=1, kind="stable").astype(np.int32)
    lists = [(np.asarray(m.indptr, np.int64), np.asarray(m.indices, np.int32)) for m in (known, wanted)]
    given = (scores, *lists[0], *lists[1], lifts, orders, weights)
    in_parts(lambda first, last: _gains(first, last, *given, found), len(scores), PART)
    return found.reshape(len(scores), -1)


@COMPILED
def _gains(
    first: int,
    last: int,
    scores: np.ndarray,
    known_from: np.ndarray,
    known: np.ndarray,
    wanted_from: np.ndarray,
    wanted: np.ndarray,
    lifts: np.ndarray,
    orders: np.ndarray,
    weights: np.ndarray,
    found: np.ndarray,
) -> None:  # pragma: no cover - compiled
    everything = np.arange(scores.shape[1]).astype(np.int32)
    left = np.empty(scores.shape[1], dtype=np.int32)
    for user in range(first, last):
        own, is_wanted = scores[user].copy(), np.zeros(scores.shape[1], dtype=np.bool_)
        own[known[known_from[user] : known_from[user + 1]]] = -np.inf
        is_wanted[wanted[wanted_from[user] : wanted_from[user + 1]]] = True
        base = _ndcg(_top(own, lifts[0], 0.0, everything), is_wanted)
        for lift in range(len(lifts)):
            count = _unbeaten(own, orders[lift], left)
            for weight in range(len(weights)):
                top = _top(own, lifts[lift], weights[weight], left[:count])
                found[user, lift, weight] = _ndcg(top, is_wanted) - base


@COMPILED
def _unbeaten(scores: np.ndarray, order: np.ndarray, left: np.ndarray) -> int:  # pragma: no cover - compiled
    """Put into ``left`` the movies that fewer than ten earlier ones of ``order`` beat; how many they are."""
    best, count = np.full(TOP, -np.inf, dtype=np.float32), 0
    for at in range(len(order)):
        value = scores[order[at]]
        if value > best[-1]:
            left[count] = order[at]
            count += 1
            place = TOP - 1
            while place > 0 and best[place - 1] < value:
                best[place] = best[place - 1]
                place -= 1
            best[place] = value
    return count


@COMPILED
def _top(
    scores: np.ndarray, lift: np.ndarray, weight: float, movies: np.ndarray
) -> np.ndarray:  # pragma: no cover - compiled
    """The ten of some movies with the highest lifted scores, best first; -1 where there are fewer."""
    best, top = np.full(TOP, -np.inf, dtype=np.float32), np.full(TOP, -1)
    for movie in movies:
        value = scores[movie] + weight * lift[movie]
        if value > best[-1]:
            place = TOP - 1
            while place > 0 and best[place - 1] < value:
                best[place], top[place] = best[place - 1], top[place - 1]
                place -= 1
            best[place], top[place] = value, movie
    return top


@COMPILED
def _ndcg(top: np.ndarray, wanted: np.ndarray) -> float:  # pragma: no cover - compiled
    found = ideal = 0.0
    for place in range(min(TOP, wanted.sum())):
        ideal += 1 / np.log2(place + 2)
    for place in range(TOP):
        if top[place] >= 0 and wanted[top[place]]:
            found += 1 / np.log2(place + 2)
    return found / ideal
