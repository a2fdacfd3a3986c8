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
from recengine.variety.scouts import Field
from recengine.variety.selection import Cap, Selection, select

# Runs of users, evenly spaced, whose scores stand for everybody's, and users in each.
SAMPLES, SAMPLE = 16, 128
LEAST_SPREAD = 1e-3  # of a movie's scores, as a share of the largest: what hardly moves does not stand out


@dataclass(frozen=True)
class Common:
    """Every movie's score over users.

    Attributes
    ----------
    scores, standardised : Field
        As the model gives them, and of those standardised user by user.
    """

    scores: Field
    standardised: Field

    @classmethod
    def of(cls, model: Model, snapshot: Snapshot) -> Self:
        """Of users all over the data, always the same ones."""
        sums = np.zeros((4, snapshot.movies))  # of scores and their squares, as they are and standardised
        starts = np.unique(np.linspace(0, max(snapshot.users - SAMPLE, 0), SAMPLES).astype(int))
        users = 0
        for start in starts:
            scores = model.ranked(snapshot, slice(int(start), int(start) + SAMPLE)).float().numpy()
            for at, each in ((0, scores.astype(np.float64)), (2, standardised(scores))):
                sums[at] += each.sum(axis=0)
                sums[at + 1] += (each**2).sum(axis=0)
            users += len(scores)
        means = sums / max(users, 1)
        return cls(_field(*means[:2]), _field(*means[2:]))


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


def _field(mean: NDArray[np.float64], square: NDArray[np.float64]) -> Field:
    """From a movie's mean score and its mean square."""
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    least = LEAST_SPREAD * spread.max(initial=0)
    return Field(mean.astype(np.float32), np.maximum(spread, least or 1).astype(np.float32))
