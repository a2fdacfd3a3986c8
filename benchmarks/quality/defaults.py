"""Each default's loss against every data set's own best inside its training part, one knob moved at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.quality.inside import Change, changes, columns_of, judged
from benchmarks.report import markdown
from recengine.dataset import Snapshot
from recengine.models.hybrid import HybridConfig

MOST = 0.02  # a default may lose against a data set's own best
GRID: dict[str, tuple[Any, ...]] = {
    "ranking.ridge_scale": (12.0, 24.0, 48.0, 96.0, 192.0),
    "ranking.genre_weight": (0.0, 1.5, 3.0, 6.0),
    "ranking.session_share": (0.0, 0.4, 0.7, 0.9),
    "ranking.session_hours": (0.2, 1.0, 5.0),
    "ranking.min_ratings": (2, 3, 5),
    "ranking.low_rank_weight": (0.0, 0.5, 1.0, 1.5),
    "ranking.low_rank.unrated_weight": (0.1, 0.2, 0.4),
    "ranking.prior.strength": (0.0, 0.1, 0.3, 1.0),
}


def run(snapshots: dict[str, Snapshot], processes: int) -> tuple[str, dict[str, Any]]:
    """The table in Markdown and its figures."""
    columns = columns_of(snapshots)
    groups = {knob: [{}, *(nested(knob, value) for value in tried(knob))] for knob in GRID}
    values = judged(groups, columns, processes)
    losses = {key: changes(found) for key, found in values.items()}
    rows, above = [], 0
    for knob in GRID:
        found = {column: _best(knob, losses[knob, column]) for column in columns}
        above += sum(change.mean > MOST for _, change in found.values())
        worst = max(change.mean for _, change in found.values())
        mean = np.mean([change.mean for _, change in found.values()])
        rows.append([knob, default(knob), *map(_cell, found.values()), f"{worst:.1%}", f"{mean:.1%}"])
    note = (
        "What the default of each knob loses against the value that is best for that data set and protocol, all "
        "others at their defaults, as a share of the default's nDCG@10 ± its standard error over users; the best "
        "value behind it. Validation only: one random split, or three cuts in time, inside the training part. A best "
        "of several values is the luckiest too, most of all where users are few. "
        f"Losses above {MOST:.0%}: {above} of {len(rows) * len(columns)}."
    )
    users = ["users", "", *(str(values[next(iter(groups)), column].shape[1]) for column in columns), "", ""]
    table = markdown(("knob", "default", *columns, "worst", "mean"), [users, *rows])
    tried_too = "; ".join(f"{knob} {', '.join(map(str, values))}" for knob, values in GRID.items())
    figures = {
        knob: {"default": default(knob), "tried": tried(knob)}
        | {column: [change.mean for change in losses[knob, column]] for column in columns}
        for knob in GRID
    }
    return f"{note}\n\n{table}\n\nTried: {tried_too}.", figures


def tried(knob: str) -> list[Any]:
    """The values of a knob that are not its default."""
    return [value for value in GRID[knob] if value != default(knob)]


def nested(knob: str, value: Any) -> dict[str, Any]:
    """A recipe's knobs with a dotted one in its place."""
    for name in reversed(knob.split(".")):
        value = {name: value}
    return dict(value)


def default(knob: str) -> Any:
    """What a knob is where nobody says anything."""
    value: Any = HybridConfig()
    for name in knob.split("."):
        value = getattr(value, name)
    return value


def _best(knob: str, found: list[Change]) -> tuple[Any, Change]:
    """The best value of a knob on one column, and how much better it is than the default."""
    return max(zip((default(knob), *tried(knob)), found, strict=True), key=lambda one: one[1].mean)


def _cell(best: tuple[Any, Change]) -> str:
    value, change = best
    return f"{change.mean:.1%} ± {change.error:.1%} at {value}" if change.mean > 0 else "0"
