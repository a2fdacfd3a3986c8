"""What the last tuning of the published data found, and by which trials."""

from __future__ import annotations

import json
from dataclasses import dataclass

import duckdb

from recengine.warehouse.history import trials
from recengine.warehouse.history.trials import Trial, Tuning


@dataclass(frozen=True)
class Tuned:
    """A tuning and its trials, in the order they were made; those of an old one may be pruned."""

    tuning: Tuning
    trials: list[Trial]

    @property
    def moved(self) -> list[tuple[str, str, str]]:
        """Per knob that left its default: its value, and what that gained where it was tried."""
        return [(knob, json.dumps(value), self._gain(knob)) for knob, value in self.tuning.knobs.items()]

    def _gain(self, knob: str) -> str:
        """The mean over the judged lists of the trials that moved a knob to where it is."""
        value = self.tuning.knobs[knob]
        moves = [
            trial
            for trial in self.trials
            if trial.kept and trial.knobs.get(knob) == value and trial.against.get(knob) != value
        ]
        if not (lists := sum(trial.users for trial in moves)):
            return "no longer known"
        gain = sum(trial.users * trial.gain for trial in moves) / lists
        return f"{gain:+.4f} {self.tuning.metric} over {lists:,} lists"


def tuning_of(con: duckdb.DuckDBPyConnection, dataset: str, model: str | None = None) -> Tuned | None:
    """The newest tuning of a dataset, of one model if it is named; None without any."""
    tuning = trials.newest(con, dataset, model)
    return None if tuning is None else Tuned(tuning, trials.trials_of(con, tuning.search))
