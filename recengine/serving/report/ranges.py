"""A night's input and its stages' seconds against the last nights, with a mark where they leave their range."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from recengine.serving.runs import Run

INPUT_HEADER = ("what", "now", "the last nights", "")
SECONDS_HEADER = ("stage", "seconds", "the last nights", "")

LEAST_NIGHTS = 3  # a range of fewer says nothing
LEAST_WIDENING = 0.01  # of the value: nothing is quite as it was


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _figure(value: float) -> str:
    return f"{value:,.2f}"


def _seconds(value: float) -> str:
    return f"{value:,.1f}"


_FIGURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "users": ("users", _count),
    "movies": ("movies rated", _count),
    "ratings": ("ratings", _count),
    "ratings_a_user": ("ratings a user", _figure),
    "mean_rating": ("mean rating", _figure),
    "mean_age": ("mean age of users, years", _figure),
    "newest_days": ("days since the newest rating", _figure),
}


def input_rows(inputs: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Figures of a night's input, in words.

    Parameters
    ----------
    inputs : sequence of mapping
        Rows of ``ops.inputs`` of one dataset, oldest first; the last is the night's.

    Returns
    -------
    list of tuple
        What, its value, the range of the nights before, and whether it leaves that; empty without inputs.
    """
    if not inputs:
        return []
    *before, now = inputs
    rows = []
    for name, (words, shown) in _FIGURES.items():
        if now[name] is not None:
            earlier = [night[name] for night in before if night[name] is not None]
            rows.append((words, shown(now[name]), *_against(now[name], earlier, shown)))
    return rows


def seconds_rows(now: Mapping[str, float], before: Sequence[Run]) -> list[tuple[str, str, str, str]]:
    """Seconds of a night's stages and of all of them, in words, as ``input_rows`` does."""
    rows = []
    for stage, took in now.items():
        earlier = [run.seconds[stage] for run in before if stage in run.seconds]
        rows.append((stage, _seconds(took), *_against(took, earlier, _seconds)))
    if rows:
        alike = [sum(run.seconds.get(stage, 0.0) for stage in now) for run in before]
        whole = sum(now.values())
        rows.append(("together", _seconds(whole), *_against(whole, alike, _seconds)))
    return rows


def _against(value: float, before: Sequence[float], shown: Callable[[float], str]) -> tuple[str, str]:
    """The range of earlier values, and where this one lies beyond it, widened by its own width."""
    if not before:
        return "none yet", ""
    low, high = min(before), max(before)
    if len(before) == 1:
        return shown(low), ""
    told = f"{shown(low)} to {shown(high)}, mostly {shown(statistics.median(before))}"
    if len(before) < LEAST_NIGHTS:
        return told, ""
    reach = max(high - low, LEAST_WIDENING * max(abs(low), abs(high)))
    if value > high + reach:
        return told, "▲ unlike before"
    return told, "▼ unlike before" if value < low - reach else ""
