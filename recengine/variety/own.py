"""Rows of a list that are the user's own: movies that they would like more than everybody does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recengine.dataset import Snapshot
from recengine.models.base import Model
from recengine.models.excluded import standardised
from recengine.models.kernels.topn import Lists
from recengine.variety.selection import Cap, Selection, select

SAMPLES, SAMPLE = (
    16,
    128,
)  # runs of users, evenly spaced, whose scores stand for everybody's, and users in each


@dataclass(frozen=True)
class Common:
    """The mean over users of every movie's score.

    Attributes
    ----------
    scores, standardised : ndarray of float32, shape (M,)
        As the model gives them, and of those standardised user by user.
    """

    scores: NDArray[np.float32]
    standardised: NDArray[np.float32]

    @classmethod
    def of(cls, model: Model, snapshot: Snapshot) -> Self:
        """Of users all over the data, always the same ones."""
        sums, standard = np.zeros(snapshot.movies), np.zeros(snapshot.movies)
        starts = np.unique(np.linspace(0, max(snapshot.users - SAMPLE, 0), SAMPLES).astype(int))
        users = 0
        for start in starts:
            scores = model.ranked(snapshot, slice(int(start), int(start) + SAMPLE)).float().numpy()
            sums += scores.sum(axis=0, dtype=np.float64)
            standard += standardised(scores).sum(axis=0)
            users += len(scores)
        return cls((sums / max(users, 1)).astype(np.float32), (standard / max(users, 1)).astype(np.float32))


def with_own_rows(
    chosen: Selection, pool: Lists, common: NDArray[np.float32], own: int, caps: Sequence[Cap]
) -> Selection:
    """The same lists with their last rows given to what exceeds everybody's score most, still by falling score.

    Parameters
    ----------
    chosen : Selection
        n rows of each pool.
    pool : Lists
    common : ndarray of float32, shape (M,)
    own : int
        How many rows; where a list ran out of movies, all stay.
    caps : sequence of Cap
        They hold for the new rows, too.
    """
    n = chosen.places.shape[1]
    whole = np.flatnonzero((chosen.places >= 0).all(axis=1))
    if not own or not len(whole):
        return chosen
    kept, ids = chosen.places[whole, : n - own], pool.ids[whole]
    there, pinned = ids >= 0, np.zeros(ids.shape, dtype=np.bool_)
    np.put_along_axis(pinned, kept, True, axis=1)
    above = np.where(there, pool.values[whole] - common[np.maximum(ids, 0)], -np.inf)
    order = np.lexsort((ids, -above), axis=1)
    mixed = Lists(*(np.take_along_axis(each, order, axis=1) for each in (above, ids)))
    new = select(mixed, n, caps=caps, pinned=np.take_along_axis(pinned, order, axis=1))
    places = np.take_along_axis(order, np.maximum(new.places[:, n - own :], 0), axis=1)
    enough = (new.places >= 0).all(axis=1)  # else the caps allow these no more
    whole, places = whole[enough], np.sort(places[enough], axis=1)  # the pool is in the order of its scores
    last = chosen.scores[whole, n - own - 1 : n - own] if n > own else np.inf
    scores = np.minimum(np.take_along_axis(pool.values[whole], places, axis=1), last)
    filled = Selection(chosen.places.copy(), chosen.scores.copy(), chosen.ran_out)
    filled.places[whole, n - own :], filled.scores[whole, n - own :] = places, scores
    return filled
