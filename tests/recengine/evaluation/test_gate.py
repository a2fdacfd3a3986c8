"""The gate: nothing worse than popularity or the champion gets through, and it says why."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from recengine.errors import BadInput
from recengine.evaluation.evaluate import Evaluation
from recengine.evaluation.gate import GateConfig, decide

USERS = 300
BASE = np.random.default_rng(0).uniform(0.1, 0.5, USERS)
NOISE = np.random.default_rng(1).normal(0, 0.05, USERS)
NOISE -= NOISE.mean()


def _evaluation(model: str, ndcg: np.ndarray) -> Evaluation:
    return Evaluation(
        model=model,
        protocol="temporal",
        description="",
        metrics={"ndcg@10": float(ndcg.mean())},
        intervals={},
        users=np.arange(len(ndcg)),
        per_user={"ndcg@10": ndcg},
        counts={},
        seconds={},
        confidence=0.95,
    )


POPULARITY = _evaluation("popularity", BASE)


def test_better_than_both_is_published_with_its_differences() -> None:
    found = decide(_evaluation("hybrid", BASE + 0.1 + NOISE), _evaluation("ease", BASE + 0.05), POPULARITY)
    assert found.publish
    assert found.differences["popularity"].mean == pytest.approx(0.1)
    assert found.differences["champion"].mean == pytest.approx(0.05)
    assert found.differences["champion"].low > 0
    assert found.reason.startswith("hybrid published: good enough (ndcg@10 0.")
    assert "against champion +0.0500 [" in found.reason


@pytest.mark.parametrize("gap", [-0.01, 0.0])
def test_not_better_than_popularity_is_kept_back(gap: float) -> None:
    found = decide(_evaluation("hybrid", BASE + gap), None, POPULARITY)
    assert not found.publish
    assert "kept what is published: not better than popularity" in found.reason
    assert set(found.differences) == {"popularity"}


@pytest.mark.parametrize(("lost", "publish"), [(0.009, True), (0.011, False)])
def test_the_champion_may_be_missed_by_the_tolerance(lost: float, publish: bool) -> None:
    champion = BASE + 0.2
    challenger = _evaluation("hybrid", champion - lost * champion.mean())
    found = decide(challenger, _evaluation("hybrid", champion), POPULARITY)
    assert found.publish is publish
    assert ("worse than the champion by more than 1%" in found.reason) is not publish
    config = GateConfig(tolerance=0.05)
    assert decide(challenger, _evaluation("hybrid", champion), POPULARITY, config).publish


@pytest.mark.parametrize(("lost", "publish"), [(0.0, True), (0.001, False)])
def test_few_users_tolerate_no_loss_and_say_so(lost: float, publish: bool) -> None:
    champion = BASE[:20] + 0.2
    found = decide(
        _evaluation("hybrid", champion - lost),
        _evaluation("hybrid", champion),
        _evaluation("popularity", BASE[:20]),
    )
    assert found.publish is publish
    assert "fewer than 100 users, so no loss was tolerated" in found.reason


def test_popularity_need_not_beat_itself_but_must_match_the_champion() -> None:
    assert decide(POPULARITY, None, POPULARITY).publish
    assert not decide(POPULARITY, _evaluation("hybrid", BASE + 0.1), POPULARITY).publish


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(BadInput, match="different users"):
        decide(_evaluation("hybrid", BASE[:9]), None, POPULARITY)
    with pytest.raises(BadInput, match="recall@20 was not evaluated"):
        decide(_evaluation("hybrid", BASE), None, POPULARITY, GateConfig(metric="recall@20"))
    with pytest.raises(ValidationError, match="metric"):
        GateConfig(metric="rmse")
