"""The search by itself: what it tries, when a knob moves, and that it ends where it is told to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from recengine.tuning.search import Judge, Outcome, Settings, Stopped, is_gain, pooled, search, trials_of

KNOBS: Mapping[str, Sequence[Any]] = {"a": (1, 2, 3, 4, 5), "b.c": (True, False)}
DEFAULTS = {"a": 1, "b.c": True}


def gaining(per_split: float, split: int, users: int = 400, error: float = 0.01) -> Outcome:
    """A gain that is the same wherever it is seen."""
    return Outcome(0.3 + per_split, per_split, error, users)


def judge_by(worth: Mapping[tuple[str, Any], Sequence[float]], tried: list[Any] | None = None) -> Judge:
    """Judges by what each moved knob is worth on each split."""

    def value(settings: Settings, split: int) -> float:
        return sum(worth.get(place, [0.0] * 3)[split] for place in settings.items())

    def judge(settings: Settings, against: Settings, split: int) -> Outcome:
        if tried is not None:
            tried.append((dict(settings), split))
        return gaining(value(settings, split) - value(against, split), split)

    return judge


def test_the_best_value_is_found_in_as_few_trials_as_halving_takes() -> None:
    tried: list[Any] = []
    worth = {("a", 3): [0.1, 0.1, 0.1], ("a", 4): [0.05] * 3, ("b.c", False): [-0.1] * 3}
    found = search(KNOBS, DEFAULTS, 3, judge_by(worth, tried), 1.0)
    assert (found.settings, found.complete) == ({"a": 3}, True)
    assert [(step.knob, step.was, step.now) for step in found.steps] == [("a", 1, 3)]
    assert found.steps[0].gain == pytest.approx(0.1)
    first_pass = tried[
        : 3 + 4 + 2 + 1 + 1
    ]  # the recipe itself; a on each split; b.c is hopeless on the first
    assert [settings.get("a") for settings, _ in first_pass] == [None] * 3 + [2, 3, 4, 5] + [3, 4] + [3] + [3]
    assert first_pass[-1] == ({"a": 3, "b.c": False}, 0)


def test_a_second_pass_finds_what_pays_only_once_another_knob_moved() -> None:
    def judge(settings: Settings, against: Settings, split: int) -> Outcome:
        def value(of: Settings) -> float:
            both = of.get("a") == 2 and of.get("b.c") is False
            return 0.2 if both else 0.1 * (of.get("b.c") is False)

        return gaining(value(settings) - value(against), split)

    found = search(KNOBS, DEFAULTS, 3, judge, 1.0)
    assert found.settings == {"a": 2, "b.c": False}
    assert found.path == (({"b.c": False}, {}), ({"a": 2, "b.c": False}, {"b.c": False}))


def test_a_gain_that_the_splits_do_not_share_moves_nothing() -> None:
    judge = judge_by({("a", 2): [0.3, 0.3, -0.1]})
    assert search(KNOBS, DEFAULTS, 3, judge, 1.0).settings == {}
    assert search(KNOBS, DEFAULTS, 3, judge, 0.6).settings == {"a": 2}


def test_one_split_moves_nothing() -> None:
    assert search(KNOBS, DEFAULTS, 1, judge_by({("a", 2): [9.0] * 3}), 1.0).settings == {}


def test_the_same_gain_tells_less_of_few_users() -> None:
    assert is_gain([gaining(0.013, split, users=4_000, error=0.0173) for split in range(3)], 1.0)
    assert not is_gain([gaining(0.013, split, users=20, error=0.0173) for split in range(3)], 1.0)
    assert not is_gain([gaining(0.0, 0, error=0.0)], 0.5)


def test_pooling_weighs_splits_by_their_lists() -> None:
    both = pooled([Outcome(0.2, 0.1, 0.02, 100), Outcome(0.5, 0.4, 0.01, 300)])
    assert both == pytest.approx((0.425, 0.325, (2**2 + 3**2) ** 0.5 / 400, 400))


def test_what_was_found_before_the_budget_ended_it_stays() -> None:
    tried: list[Any] = []
    judge = judge_by({("a", 3): [0.1] * 3, ("b.c", False): [0.1] * 3}, tried)

    def bounded(settings: Settings, against: Settings, split: int) -> Outcome:
        if len(tried) == 3 + 4 + 2 + 1:
            raise Stopped
        return judge(settings, against, split)

    found = search(KNOBS, DEFAULTS, 3, bounded, 1.0)
    assert (found.settings, found.complete) == ({"a": 3}, False)


def test_how_many_trials_one_pass_may_take() -> None:
    assert trials_of(KNOBS, 3) == 3 + (4 + 2 + 1) + (1 + 1 + 1)
