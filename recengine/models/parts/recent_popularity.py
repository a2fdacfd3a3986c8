"""How much more a movie is rated now than ever: the lifts that ``recency`` chooses from.

With p a movie's count of ratings and r its count in which a rating fades by half every h days, scaled to the
same sum, a lift is ``log((r + eps) / (p + eps))``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recengine.dataset import Snapshot
from recengine.models.kernels.compiled import COMPILED
from recengine.runtime.threads import in_parts

HOUR = 3_600
BANDS = 8  # the ratings are summed in this many bands, whatever the number of threads


def lifts(
    snapshot: Snapshot, half_lives: Sequence[float], floors: Sequence[float], before: int | None = None
) -> np.ndarray:
    """The lift of every half-life and eps at the newest rating.

    Parameters
    ----------
    snapshot : Snapshot
    half_lives : sequence of float
        In days; a rating's age counts in whole hours.
    floors : sequence of float
        eps, in ratings.
    before : int, optional
        Seconds since 1970: as if this rating and later ones did not exist.

    Returns
    -------
    ndarray of float32, shape (half-lives x floors, M)
    """
    movies, rated_at = np.asarray(snapshot.ratings.indices), np.asarray(snapshot.rated_at)
    before = int(rated_at.max()) + 1 if before is None else before
    newest = int(np.max(rated_at, where=rated_at < before, initial=rated_at.min()))
    hours = np.arange((newest - int(rated_at.min())) // HOUR + 1)
    faded = np.exp2(-hours[:, None] / (24 * np.asarray(half_lives)))  # (hours, H)
    sums = np.zeros((BANDS, snapshot.movies, len(half_lives) + 1))
    step = -(-len(movies) // BANDS)
    given = (step, movies, rated_at, before, newest, faded, sums)
    in_parts(lambda first, last: _add_up(first, last, *given), len(movies), step)
    *recent, count = sums.sum(axis=0).T  # (M,) each
    scaled = (each * (count.sum() / each.sum()) for each in recent)
    found = [np.log((each + floor) / (count + floor)) for each in scaled for floor in floors]
    return np.array(found, dtype=np.float32)


@COMPILED
def _add_up(
    first: int,
    last: int,
    step: int,
    movies: np.ndarray,
    rated_at: np.ndarray,
    before: int,
    newest: int,
    faded: np.ndarray,
    sums: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """A band's count of every movie, faded by each half-life and, last, not faded."""
    half_lives = faded.shape[1]
    for entry in range(first, last):
        if rated_at[entry] < before:
            row, age = sums[first // step, movies[entry]], (newest - rated_at[entry]) // HOUR
            for at in range(half_lives):
                row[at] += faded[age, at]
            row[half_lives] += 1
