"""A sketch of all ratings that tells, nights later, how many of them are still there.

It keeps the smallest hashes of whole ratings (user, movie, stars, time): a random sample that depends on nothing but
the ratings themselves (Bar-Yossef et al. 2002, bottom-k). Of a rating that stays the hash stays, so the share of a
sketch that is missing from a later one estimates the share of ratings that left or changed: exactly 0 if none did,
with a standard error of 0.2 percentage points at 1 %.
"""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from recengine.dataset import Snapshot
from recengine.runtime.splitmix import GOLDEN, rounds

KEPT = 2048
_PART = 1_000_000  # ratings hashed at once
_WEIGHTS = np.array(
    [0x9FB21C651E98DF25, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F], dtype=np.uint64
)  # odd, by chance


def sketch_of(snapshot: Snapshot) -> str:
    """The sketch of a snapshot's ratings as text, at most 22 kB."""
    return base64.b64encode(_smallest(snapshot).tobytes()).decode()


def share_gone(sketch: str, snapshot: Snapshot) -> float:
    """About which share of the ratings that a sketch was made of is not in a snapshot."""
    before, now = np.frombuffer(base64.b64decode(sketch), dtype=np.uint64), _smallest(snapshot)
    if len(now) == KEPT:  # of larger hashes this snapshot's sketch says nothing
        before = before[before <= now[-1]]
    return 1 - float(np.isin(before, now).mean()) if len(before) else 1.0


def _smallest(snapshot: Snapshot) -> NDArray[np.uint64]:
    """The smallest hashes of all ratings, ascending uint64, at most ``KEPT``."""
    users, movies = _mixed(snapshot.user_ids), _mixed(snapshot.movie_ids) * _WEIGHTS[0]
    indptr, ratings = np.asarray(snapshot.ratings.indptr, dtype=np.int64), snapshot.ratings.nnz
    kept = np.empty(0, dtype=np.uint64)
    for first in range(0, ratings, _PART):
        last = min(first + _PART, ratings)
        whole = np.repeat(users, np.diff(indptr.clip(first, last)))
        whole += movies[snapshot.ratings.indices[first:last]]
        whole += snapshot.ratings.data[first:last].view(np.uint32) * _WEIGHTS[1]
        whole += snapshot.rated_at[first:last].view(np.uint64) * _WEIGHTS[2]
        hashes = _mixed(whole)
        kept = np.concatenate([kept, hashes[hashes < kept.max()] if len(kept) == KEPT else hashes])
        if len(kept) > KEPT:
            kept = np.partition(kept, KEPT - 1)[:KEPT]
    return np.sort(kept)


def _mixed(values: NDArray[np.int64] | NDArray[np.uint64]) -> NDArray[np.uint64]:
    """64 well mixed bits of each integer (the finaliser of SplitMix64: Steele et al. 2014)."""
    mixed = np.ascontiguousarray(values).astype(np.int64, copy=False).view(np.uint64)
    mixed = rounds(mixed + GOLDEN)
    return mixed ^ (mixed >> np.uint64(31))
