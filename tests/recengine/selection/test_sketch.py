"""The sketch of all ratings: exact where nothing left, near where something did."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.selection.sketch import KEPT, share_gone, sketch_of

USERS, MOVIES, RATINGS = 2_000, 500, 100_000


def of(pairs: np.ndarray, stars: float = 4.0, later: int = 0) -> Snapshot:
    """Ratings of some (user, movie) pairs, ascending."""
    indptr = np.searchsorted(pairs // MOVIES, np.arange(USERS + 1))
    data = np.full(len(pairs), stars, dtype=np.float32)
    ratings = csr_array((data, pairs % MOVIES, indptr), shape=(USERS, MOVIES))
    nothing = csr_array((USERS, 0), dtype=np.float32)
    return Snapshot(
        fingerprint="",
        dataset="",
        scale=(1, 5),
        user_ids=np.arange(USERS) - 7,
        movie_ids=np.arange(MOVIES) * 10**15,
        ratings=ratings,
        rated_at=pairs + later,
        genre_counts=nothing,
        registration_months=np.zeros(USERS, dtype=np.float32),
        user_features=nothing,
        movie_features=csr_array((MOVIES, 0), dtype=np.float32),
        user_columns=(),
        movie_columns=(),
    )


PAIRS = np.sort(np.random.default_rng(0).choice(USERS * MOVIES, RATINGS, replace=False))
KEEP = np.random.default_rng(1).random(RATINGS)


@pytest.mark.parametrize("gone", [0.01, 0.1, 0.5])
def test_share_gone(gone: float) -> None:
    assert share_gone(sketch_of(of(PAIRS)), of(PAIRS[gone <= KEEP])) == pytest.approx(
        gone, abs=4 * np.sqrt(gone * (1 - gone) / KEPT)
    )


def test_what_stays_is_known_exactly() -> None:
    some = PAIRS[KEEP >= 0.3]
    assert share_gone(sketch_of(of(some)), of(PAIRS)) == 0
    assert share_gone(sketch_of(of(PAIRS[:50])), of(PAIRS[:50])) == 0
    assert share_gone(sketch_of(of(PAIRS[:50])), of(PAIRS[10:50])) == pytest.approx(0.2)
    assert len(sketch_of(of(PAIRS))) < 22_000


def test_other_stars_times_or_pairs_are_other_ratings() -> None:
    sketch = sketch_of(of(PAIRS))
    assert share_gone(sketch, of(PAIRS, stars=4.5)) == 1
    assert share_gone(sketch, of(PAIRS, later=1)) == 1
    other = np.setdiff1d(np.arange(USERS * MOVIES), PAIRS)
    assert share_gone(sketch, of(other)) == 1
