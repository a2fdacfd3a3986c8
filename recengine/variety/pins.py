"""Pins: movies that a list begins with, in a given order, before the best of the pool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.excluded import Excluded
from recengine.models.kernels.topn import Lists


def pinned_of(pins: csr_array, allowed: Excluded, users: NDArray[np.int64]) -> Lists:
    """The pins of users (B,) that they may get: places and movies (B, P), in order; inf and -1 for none."""
    own = csr_array(pins[users])
    hidden = allowed(users)
    marked = csr_array((np.ones(hidden.nnz), hidden.indices, hidden.indptr), shape=hidden.shape)
    barred = csr_array(marked.multiply(own.astype(bool)))
    keys = _keys(own)
    kept = ~np.isin(keys, _keys(barred))
    rows, movies, places = keys[kept] // own.shape[1], own.indices[kept], own.data[kept]
    order = np.lexsort((movies, places, rows))
    rows, movies, places = rows[order], movies[order], places[order]
    counts = np.bincount(rows, minlength=len(users))
    at = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    found = Lists(
        np.full((len(users), counts.max(initial=0)), np.inf), np.full((len(users), counts.max(initial=0)), -1)
    )
    found.values[rows, at], found.ids[rows, at] = places, movies
    return found


def with_pins(
    first: Lists, pool: Lists, ordered: Lists, place: NDArray[np.int64]
) -> tuple[Lists, Lists, NDArray[np.int64], NDArray[np.bool_]]:
    """A pool (B, Q), the same in order and the places of its rows, behind pins (B, P); and which rows are pins.

    A pin's own score is not asked for: it gets that of the pool's best row, so that scores fall.
    """
    pinned = first.ids >= 0
    best = (
        np.where(np.isfinite(ordered.values[:, :1]), ordered.values[:, :1], 0) if ordered.ids.shape[1] else 0
    )
    raised = np.where(pinned, best, -np.inf).astype(np.float32)
    width = first.ids.shape[1]

    def behind(rows: Lists) -> Lists:
        return Lists(np.hstack([raised, rows.values]), np.hstack([first.ids, rows.ids]))

    places = np.hstack([np.broadcast_to(np.arange(width), first.ids.shape), place + width])
    marked = np.hstack([pinned, np.zeros(place.shape, dtype=np.bool_)])
    return behind(pool), behind(ordered), places, marked


def _keys(rows: csr_array) -> NDArray[np.int64]:
    """Row and column of each stored entry as one number."""
    owners = np.repeat(np.arange(rows.shape[0], dtype=np.int64), np.diff(rows.indptr))
    return np.asarray(owners * rows.shape[1] + rows.indices)
