"""What candidates are judged on: the newest ratings, and more of them until enough users judge."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_fakes import snapshot_of

from recengine.dataset import Snapshot
from recengine.evaluation.slices import EARLIER_CUTS, slices_of


def history(first: np.ndarray, ratings: int = 10) -> Snapshot:
    """Users who each rate at ten moments in a row, from a moment of their own."""
    times = first[:, None] + np.arange(ratings)
    return snapshot_of(np.full((len(first), ratings), 4), times.ravel())


STAGGERED = history(
    np.arange(0, 1000, 10)
)  # 100 users one after the other: the newest cut falls between two of them
TOGETHER = history(np.zeros(100, dtype=np.int64))


@pytest.mark.parametrize(
    ("snapshot", "min_users", "protocols", "said"),
    [
        (TOGETHER, 50, ["temporal"], "the newest 20% of all ratings"),
        (
            STAGGERED,
            50,
            ["leave-one-out"],
            "each user's own newest rating (users who rate on both sides: 0 of the newest",
        ),
        (history(np.arange(0, 1000, 10) + 3), 1, ["leave-one-out"], "each user's own newest rating"),
        (history(np.arange(0, 300, 3)), 2, ["temporal"], "the newest 20% of all ratings"),
        (
            history(np.arange(0, 300, 3)),
            5,
            ["temporal"] * 2,
            "and the slice before (users who rate on both sides: 3 of",
        ),
        (
            history(np.arange(0, 300, 3)),
            8,
            ["temporal"] * 3,
            "and the 2 slices before (users who rate on both sides: 3 of",
        ),
        (
            history(np.arange(0, 300, 3)),
            50,
            ["temporal", "leave-one-out"],
            "3 of the newest, 9 with 2 slices before, 50",
        ),
        (history(np.zeros(60, dtype=np.int64), 1), 50, [], "no user has two ratings"),
        (snapshot_of(np.full((60, 3), 4), np.full(180, 9)), 50, ["leave-one-out"], "as there are no dates"),
    ],
)
def test_judged_on(snapshot: Snapshot, min_users: int, protocols: list[str], said: str) -> None:
    found = slices_of(snapshot, 0.2, min_users, seed=1)
    assert [split.protocol for split in found.splits] == protocols
    assert said in found.said
    assert len(found.splits) <= EARLIER_CUTS + 1


def test_slices_come_one_before_the_other() -> None:
    newest, before, earlier = slices_of(history(np.arange(0, 300, 3)), 0.2, 8, seed=1).splits
    for later, older in ((newest, before), (before, earlier)):
        assert older.test.rated_at.max() < later.test.rated_at.min()
        assert older.train.ratings.nnz + len(older.test) == later.train.ratings.nnz
