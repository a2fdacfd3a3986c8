"""What a tuning found, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from recengine.evaluation.splits import Split
from recengine.models.recipes import Recipe
from recengine.models.registry import kind_of
from recengine.tuning.logbook import LogBook
from recengine.tuning.search import Found


def said_of(recipe: Recipe, splits: Sequence[Split], book: LogBook, found: Found, seconds: float) -> str:
    """What changed, by how much and on what; or why nothing did."""
    if not splits:
        return f"{recipe.model} stays as it is asked for: {_why_not(recipe)}."
    if len(splits) == 1:
        return (
            f"{recipe.model} stays as it is asked for: too few users rate on both sides of more than one cut."
        )
    untuned = book.over_all({}, {})
    lists = f"{untuned.users:,} lists of {len(splits)} splits" if untuned else f"{len(splits)} splits"
    work = f"{book.used} trials on {lists}, {seconds:.1f} s"
    if not found.complete:
        work += "; the budget ended it before every value was tried, and the next tuning goes on from there"
    if not found.path:
        told = "no value gained more than chance would" if found.complete else "nothing gained so far"
        return f"{recipe.model} stays as it is asked for: {told} ({work})."
    now, tuned = found.settings, book.over_all(*found.path[-1])
    first = {step.knob: step.was for step in reversed(found.steps)}
    moved = ", ".join(f"{knob} {first[knob]} -> {value}" for knob, value in now.items())
    figures = f"{book.subject.metric} {untuned.mean:.4f} -> {tuned.mean:.4f}" if untuned and tuned else ""
    return f"{recipe.model} tuned: {moved or 'back to where it was'}; {figures} in validation ({work})."


def _why_not(recipe: Recipe) -> str:
    if not kind_of(recipe.model).searched:
        return "it names no knobs to search"
    return "every knob that it would search is told, or there is too little data to hold any out"
