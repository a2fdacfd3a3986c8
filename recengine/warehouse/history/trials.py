"""What tunings tried (``ops.trials``) and found (``ops.tunings``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import duckdb


class Trial(NamedTuple):
    """One row of ``ops.trials``; ``knobs`` and ``against`` are stored as JSON."""

    dataset: str
    search: str
    number: int
    model: str
    knobs: dict[str, Any]
    against: dict[str, Any]
    split: int
    metric: str
    mean: float
    gain: float
    standard_error: float
    users: int
    seconds: float
    tried_at: datetime
    kept: bool = False


class Tuning(NamedTuple):
    """One row of ``ops.tunings``; ``recipe`` and ``knobs`` are stored as JSON."""

    dataset: str
    search: str
    model: str
    snapshot: str
    recipe: dict[str, Any]
    knobs: dict[str, Any]
    said: str
    complete: bool
    tuned_at: datetime
    seconds: float
    metric: str
    untuned: float | None
    tuned: float | None


def add_trials(con: duckdb.DuckDBPyConnection, trials: Sequence[Trial]) -> None:
    """Note trials that have ended."""
    for trial in trials:
        row = trial._asdict() | {"knobs": json.dumps(trial.knobs), "against": json.dumps(trial.against)}
        con.execute(f"INSERT INTO ops.trials VALUES ({_marks(row)})", list(row.values()))


def trials_of(con: duckdb.DuckDBPyConnection, search: str) -> list[Trial]:
    """The trials of a search, in the order they were made."""
    rows = con.execute("SELECT * FROM ops.trials WHERE search = ? ORDER BY number", [search]).fetchall()
    trials = [Trial(*row) for row in rows]
    return [
        trial._replace(knobs=json.loads(str(trial.knobs)), against=json.loads(str(trial.against)))
        for trial in trials
    ]


def finish(con: duckdb.DuckDBPyConnection, tuning: Tuning, kept: Sequence[int]) -> None:
    """Note what a search found, in place of what was noted of it, and by which of its trials."""
    con.execute("DELETE FROM ops.tunings WHERE search = ?", [tuning.search])
    row = tuning._asdict() | {"recipe": json.dumps(tuning.recipe), "knobs": json.dumps(tuning.knobs)}
    con.execute(f"INSERT INTO ops.tunings VALUES ({_marks(row)})", list(row.values()))
    con.execute(
        "UPDATE ops.trials SET kept = list_contains(?::INTEGER[], number) WHERE search = ?",
        [list(kept), tuning.search],
    )


def newest(con: duckdb.DuckDBPyConnection, dataset: str, model: str | None = None) -> Tuning | None:
    """The newest tuning of a dataset, of one model if it is named; None without any."""
    rows = con.execute(
        "SELECT * FROM ops.tunings WHERE dataset = ? AND model = coalesce(?, model) ORDER BY tuned_at DESC LIMIT 1",
        [dataset, model],
    ).fetchall()
    if not rows:
        return None
    tuning = Tuning(*rows[0])
    return tuning._replace(recipe=json.loads(str(tuning.recipe)), knobs=json.loads(str(tuning.knobs)))


def prune(con: duckdb.DuckDBPyConnection, days: int) -> int:
    """Remove trials older than some days, but those of searches that are a dataset's and model's newest; how many.

    The tunings themselves stay: the newest of each is what challenges, and there is one row per search.
    """
    old = "tried_at < now() AT TIME ZONE 'UTC' - to_days(?::INTEGER)"
    newest_ones = "SELECT arg_max(search, tuned_at) FROM ops.tunings GROUP BY dataset, model"
    query = f"DELETE FROM ops.trials WHERE {old} AND search NOT IN ({newest_ones})"
    [(removed,)] = con.execute(query, [days]).fetchall()
    return int(removed)


def _marks(row: dict[str, Any]) -> str:
    return ", ".join("?" * len(row))
