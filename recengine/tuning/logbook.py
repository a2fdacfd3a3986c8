"""The trials of one search: those of an earlier start, and the new ones, each kept as it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from recengine.models import store
from recengine.tuning.search import Outcome, Settings, key_of, pooled
from recengine.warehouse.history.trials import Trial


@dataclass(frozen=True)
class Subject:
    """What a search is about; ``search`` is its id, empty where nothing is kept of it."""

    dataset: str
    model: str
    metric: str
    search: str = ""


def forgotten(trial: Trial) -> None:
    """Keeps nothing."""


class LogBook:
    """Trials by what was tried, against what, on which split.

    Parameters
    ----------
    subject : Subject
    earlier : iterable of Trial
        Of the same search, from where it was stopped.
    keep : callable
        Stores a new trial.
    """

    def __init__(
        self, subject: Subject, earlier: Iterable[Trial] = (), keep: Callable[[Trial], None] = forgotten
    ) -> None:
        self.subject, self._keep = subject, keep
        self._trials = {_place(trial.knobs, trial.against, trial.split): trial for trial in earlier}
        self._last = max((trial.number for trial in self._trials.values()), default=0)
        self._read: set[tuple[str, str, int]] = set()

    @property
    def used(self) -> int:
        """How many trials the search rests on."""
        return len(self._read)

    def find(self, settings: Settings, against: Settings, split: int) -> Outcome | None:
        """What is known of a trial on the split of a number."""
        trial = self._trials.get(_place(settings, against, split + 1))
        if trial is None:
            return None
        self._read.add(_place(settings, against, split + 1))
        return Outcome(trial.mean, trial.gain, trial.standard_error, trial.users)

    def add(self, settings: Settings, against: Settings, split: int, found: Outcome, seconds: float) -> None:
        """Note a trial."""
        self._last += 1
        trial = Trial(
            dataset=self.subject.dataset,
            search=self.subject.search,
            number=self._last,
            model=self.subject.model,
            knobs=dict(settings),
            against=dict(against),
            split=split + 1,
            metric=self.subject.metric,
            mean=found.mean,
            gain=found.gain,
            standard_error=found.error,
            users=found.users,
            seconds=seconds,
            tried_at=store.now().replace(tzinfo=None),
        )
        self._trials[_place(settings, against, trial.split)] = trial
        self._read.add(_place(settings, against, trial.split))
        self._keep(trial)

    def over_all(self, settings: Settings, against: Settings) -> Outcome | None:
        """A trial's figures over all splits it was made on; None where there are none."""
        outcomes = [
            Outcome(trial.mean, trial.gain, trial.standard_error, trial.users)
            for (knobs, others, _), trial in self._trials.items()
            if (knobs, others) == (key_of(settings), key_of(against))
        ]
        return pooled(outcomes) if outcomes else None

    def numbers(self, settings: Settings, against: Settings) -> list[int]:
        """The numbers of a recipe's trials."""
        return [
            trial.number
            for (knobs, others, _), trial in self._trials.items()
            if (knobs, others) == (key_of(settings), key_of(against))
        ]


def _place(settings: dict[str, Any] | Settings, against: Settings, split: int) -> tuple[str, str, int]:
    return key_of(settings), key_of(against), split
