"""The gate: nothing worse than popularity or the champion gets through, and it says why."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from recengine.errors import BadInput
from recengine.evaluation.evaluate import Evaluation
from recengine.knobs.stages import GateConfig
from recengine.selection.gate import decide

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


@pytest.mark.parametrize(("gap", "publish"), [(-0.01, False), (-0.002, True), (0.0, True)])
def test_popularity_replaces_only_what_is_significantly_worse(gap: float, publish: bool) -> None:
    found = decide(_evaluation("hybrid", BASE + gap + NOISE), None, POPULARITY)
    assert found.publish is publish
    assert ("not better than popularity but significantly worse" in found.reason) is not publish
    assert (", a tie" in found.reason) is publish
    assert set(found.differences) == {"popularity"}


@pytest.mark.parametrize(
    ("gain", "noise", "publish"),
    [
        (0.02, 1, True),
        (0.002, 1, False),
        (0.0, 1, False),
        (-0.02, 1, False),
        (0.001, 0, False),
        (0.01, 0, True),
    ],
)
def test_in_a_tie_the_champion_stays(gain: float, noise: float, publish: bool) -> None:
    champion = BASE + 0.2
    found = decide(
        _evaluation("hybrid", champion + gain + noise * NOISE), _evaluation("ease", champion), POPULARITY
    )
    assert found.publish is publish
    assert ("not significantly better than the champion" in found.reason) is not publish


def test_a_gain_within_the_tolerance_is_a_tie() -> None:
    champion, challenger = _evaluation("ease", BASE + 0.2), _evaluation("hybrid", BASE + 0.22)
    assert decide(challenger, champion, POPULARITY).publish
    assert not decide(challenger, champion, POPULARITY, GateConfig(tolerance=0.05)).publish


@pytest.mark.parametrize("users", [1, 20, 49])
def test_few_users_replace_nothing(users: int) -> None:
    low, high = _evaluation("hybrid", BASE[:users]), _evaluation("ease", BASE[:users] + 0.2)
    popularity = _evaluation("popularity", BASE[:users] + 0.1)
    assert decide(low, None, popularity).publish
    assert not decide(high, low, popularity).publish
    assert f"on {users} user{'s' * (users > 1)}, 50 needed to tell" in decide(low, None, popularity).reason
    enough = GateConfig(min_users=users)
    assert not decide(low, None, popularity, enough).publish
    assert decide(high, low, popularity, enough).publish


def test_popularity_need_not_beat_itself_but_must_beat_the_champion() -> None:
    assert decide(POPULARITY, None, POPULARITY).publish
    assert not decide(POPULARITY, _evaluation("hybrid", BASE + 0.1), POPULARITY).publish
    assert not decide(POPULARITY, _evaluation("hybrid", BASE - 0.002 + NOISE), POPULARITY).publish
    assert decide(POPULARITY, _evaluation("hybrid", BASE - 0.02 + NOISE), POPULARITY).publish


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(BadInput, match="different users"):
        decide(_evaluation("hybrid", BASE[:9]), None, POPULARITY)
    with pytest.raises(BadInput, match="recall@20 was not evaluated"):
        decide(_evaluation("hybrid", BASE), None, POPULARITY, GateConfig(metric="recall@20"))
    with pytest.raises(ValidationError, match="metric"):
        GateConfig(metric="rmse")
