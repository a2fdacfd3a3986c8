"""What a tuning sees: nothing that the gate judges on, and several splits."""

from __future__ import annotations

import numpy as np
import pytest
from dials import of_kinds

from recengine.dataset import Snapshot
from recengine.evaluation.slices import slices_of
from recengine.knobs.stages import GateConfig, TrainConfig
from recengine.testing.planted import snapshot, tiny
from recengine.tuning.splits import CUTS, before_the_gate, validation


def pairs(data: Snapshot) -> set[tuple[int, int]]:
    """Which ratings there are."""
    return set(zip(data.rating_users.tolist(), data.ratings.indices.tolist(), strict=True))


@pytest.mark.parametrize("min_users", [50, 230, 10**6])
def test_nothing_that_the_gate_judges_on_is_seen(min_users: int) -> None:
    """One slice, several, or each user's own newest rating."""
    data, train = of_kinds(0), TrainConfig(gate=GateConfig(min_users=min_users))
    part = before_the_gate(data, train)
    judged = slices_of(data, train.holdout_share, min_users, train.seed).splits
    held_out = {
        pair
        for split in judged
        for pair in zip(split.test.user_index.tolist(), split.test.movie_index.tolist(), strict=True)
    }
    assert held_out
    assert pairs(part) == pairs(data) - held_out
    for split in validation(part, train):
        assert pairs(split.train) < pairs(part)


def test_three_cuts_in_time_also_where_one_has_users_enough() -> None:
    train = TrainConfig()
    part = before_the_gate(of_kinds(0), train)
    splits = validation(part, train)
    assert len(splits) == CUTS
    newest, middle, oldest = splits
    assert oldest.train.rated_at.max() < oldest.test.rated_at.min() <= middle.train.rated_at.max()
    assert middle.test.rated_at.max() < newest.test.rated_at.min()
    assert newest.test.rated_at.max() == part.rated_at.max()


def test_each_users_own_newest_rating_where_the_cuts_have_too_few() -> None:
    train = TrainConfig(gate=GateConfig(min_users=10**6))
    *cuts, own = validation(before_the_gate(of_kinds(0), train), train)
    assert [cut.protocol for cut in cuts] == ["temporal"] * CUTS
    assert own.protocol == "leave-one-out"


def test_without_dates_shares_are_drawn_three_times() -> None:
    data = snapshot(of_kinds(0).ratings.toarray())
    splits = validation(before_the_gate(data, TrainConfig()), TrainConfig())
    assert [split.protocol for split in splits] == ["random"] * CUTS
    assert len({split.train.fingerprint for split in splits}) == CUTS


def test_too_little_data_has_no_split() -> None:
    nothing = snapshot(np.eye(3))
    assert validation(before_the_gate(nothing, TrainConfig()), TrainConfig()) == ()
    assert len(validation(before_the_gate(tiny(), TrainConfig()), TrainConfig())) <= 1


def test_large_data_is_judged_on_the_gates_users() -> None:
    train = TrainConfig(judged_ratings=1000)
    part = before_the_gate(of_kinds(0), train)
    assert part.users < 240
    assert part.ratings.nnz < 1000 < of_kinds(0).ratings.nnz
