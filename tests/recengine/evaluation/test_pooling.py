"""Several splits judged as one: a user of more than one of them counts once."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_fakes import random_snapshot

from recengine.dataset import Snapshot
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.splits import Split, leave_one_out, temporal
from recengine.models.popularity import Popularity

DRAWS = Bootstrap(draws=50)


@pytest.fixture
def splits() -> tuple[Snapshot, list[Split]]:
    snapshot = random_snapshot(7)
    return snapshot, [temporal(snapshot), temporal(snapshot, 0.2, 0.8), leave_one_out(snapshot)]


def test_one_split_is_what_it_was_alone(splits: tuple[Snapshot, list[Split]]) -> None:
    split = splits[1][0]
    alone, pooled = (evaluate(Popularity, given, ks=(3,), bootstrap=DRAWS) for given in (split, [split]))
    assert (pooled.metrics, pooled.intervals) == (alone.metrics, alone.intervals)
    twice = evaluate(
        Popularity, [split, split], ks=(3,), bootstrap=DRAWS
    )  # counted once, not as twice the evidence
    for name, interval in alone.intervals.items():
        assert twice.metrics[name] == pytest.approx(alone.metrics[name]), name
        assert twice.intervals[name] == pytest.approx(interval), name


def test_a_user_of_several_splits_has_the_mean(splits: tuple[Snapshot, list[Split]]) -> None:
    found = [evaluate(Popularity, split, ks=(3,), bootstrap=DRAWS) for split in splits[1]]
    pooled = evaluate(Popularity, splits[1], ks=(3,), bootstrap=DRAWS)
    expected: dict[int, list[float]] = {}
    for one in found:
        for user, value in zip(one.users.tolist(), one.per_user["ndcg@3"], strict=True):
            expected.setdefault(user, []).append(float(value))
    assert len(expected) < sum(len(one.users) for one in found)
    assert pooled.users.tolist() == sorted(expected)
    np.testing.assert_allclose(
        pooled.per_user["ndcg@3"], [np.mean(expected[user]) for user in sorted(expected)]
    )
    squared = sum(
        one.metrics["rmse"] ** 2 * len(split.test) for one, split in zip(found, splits[1], strict=True)
    )
    ratings = sum(len(split.test) for split in splits[1])
    assert pooled.metrics["rmse"] == pytest.approx(np.sqrt(squared / ratings))
