"""The search: knob by knob, each value against the best recipe so far, on one split after the other.

A line search with successive halving (Jamieson and Talwalkar 2016): all values of a knob are tried on the newest
split, the better half of them on the next, and so on. A knob leaves its default only where the gain is larger than
its error and the splits agree; so small data stays at the defaults. Everything follows from the trials' figures: a
search that was stopped goes on from those that were kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

PASSES = 2  # over all knobs: the second finds what only pays once another has moved
ERRORS = 1.0  # standard errors that a gain has to exceed ...
SMALL = 5.0  # ... and this many more by the root of the users: 1.5 for 100 users, 1.1 for 2,500

Settings = Mapping[str, Any]
"""Knobs that left their default, dotted."""


class Outcome(NamedTuple):
    """A trial's figures on one split.

    ``mean`` is the metric's over the split's users; ``gain`` and ``error`` are the mean and the standard error of the
    users' paired differences from the recipe it is tried against.
    """

    mean: float
    gain: float
    error: float
    users: int


Judge = Callable[[Settings, Settings, int], Outcome]
"""Judges settings against others on the split of a number; raises ``Stopped`` where that is no longer allowed."""


class Stopped(Exception):
    """The budget ran out."""


@dataclass(frozen=True)
class Step:
    """A knob that moved: from where to where, and what that gained over the users of all splits."""

    knob: str
    was: Any
    now: Any
    gain: float


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    settings : dict
        What left its default.
    steps : tuple of Step
        How it got there.
    path : tuple of (settings, settings)
        After each step, and before it.
    complete : bool
        Whether the search ended by itself.
    """

    settings: Settings
    steps: tuple[Step, ...]
    path: tuple[tuple[Settings, Settings], ...]
    complete: bool


def search(
    searched: Mapping[str, Sequence[Any]], defaults: Settings, splits: int, judge: Judge, agree: float
) -> Found:
    """The settings that the splits agree on.

    Parameters
    ----------
    searched : mapping of str to sequence
        Dotted knobs and the values to try, in the order of the search.
    defaults : mapping of str to object
        Each knob's value where it is not moved.
    splits : int
        How many there are, by number; two are the least that can agree.
    judge : callable
    agree : float
        Share of the splits on which a value has to gain.
    """
    reached, steps = list[Settings]([{}]), list[Step]()
    try:
        for split in range(splits):
            judge({}, {}, split)
        for _ in range(PASSES if splits > 1 else 0):
            moved = len(steps)
            for knob, values in searched.items():
                if step := _line(knob, values, (reached[-1], defaults), splits, judge, agree):
                    steps.append(step)
                    reached.append(_with(reached[-1], defaults, knob, step.now))
            if len(steps) == moved:
                break
        complete = True
    except Stopped:
        complete = False
    path = tuple(zip(reached[1:], reached, strict=False))
    return Found(reached[-1], tuple(steps), path, complete)


def trials_of(searched: Mapping[str, Sequence[Any]], splits: int) -> int:
    """About how many trials a search takes, for its progress: those of one pass."""
    others = [len(values) - 1 for values in searched.values()]
    return splits + sum(math.ceil(count / (1 << split)) for count in others for split in range(splits))


def key_of(settings: Settings) -> str:
    """Settings as text, the same for the same ones."""
    return json.dumps(settings, sort_keys=True)


def _line(
    knob: str,
    values: Sequence[Any],
    place: tuple[Settings, Settings],
    splits: int,
    judge: Judge,
    agree: float,
) -> Step | None:
    """Where one knob goes from a place, the settings so far and the defaults; None: it stays."""
    settings, defaults = place
    was = settings.get(knob, defaults[knob])
    left = [value for value in values if value != was]
    outcomes: dict[str, list[Outcome]] = {key_of({knob: value}): [] for value in left}

    def gain(value: Any) -> float:
        return pooled(outcomes[key_of({knob: value})]).gain

    for split in range(splits):
        for value in left:
            tried = _with(settings, defaults, knob, value)
            outcomes[key_of({knob: value})].append(judge(tried, settings, split))
        left = [value for value in left if _hopeful(outcomes[key_of({knob: value})])]
        left.sort(key=gain, reverse=True)
        if split + 1 < splits:
            left = left[: math.ceil(len(left) / 2)]
    now = next((value for value in left if is_gain(outcomes[key_of({knob: value})], agree)), None)
    return None if now is None else Step(knob, was, now, gain(now))


def _with(settings: Settings, defaults: Settings, knob: str, value: Any) -> dict[str, Any]:
    """Settings with one knob moved; one that comes back to its default is no setting."""
    changed = {**settings, knob: value}
    return {name: told for name, told in changed.items() if told != defaults[name]}


def _hopeful(outcomes: Sequence[Outcome]) -> bool:
    """Whether more splits could still show a gain."""
    found = pooled(outcomes)
    return found.gain + found.error >= 0


def is_gain(outcomes: Sequence[Outcome], agree: float) -> bool:
    """Whether a gain is larger than its error, and seen on enough of the splits."""
    found = pooled(outcomes)
    enough = found.error * (ERRORS + SMALL / math.sqrt(found.users))
    gaining = sum(outcome.gain > 0 for outcome in outcomes)
    return found.gain > enough and gaining >= agree * len(outcomes)


def pooled(outcomes: Sequence[Outcome]) -> Outcome:
    """Several splits' figures as one: every judged list counts the same."""
    users = sum(outcome.users for outcome in outcomes)

    def over_lists(figures: Sequence[float]) -> float:
        return sum(n.users * figure for n, figure in zip(outcomes, figures, strict=True)) / users

    return Outcome(
        over_lists([outcome.mean for outcome in outcomes]),
        over_lists([outcome.gain for outcome in outcomes]),
        math.sqrt(sum((outcome.users * outcome.error) ** 2 for outcome in outcomes)) / users,
        users,
    )
