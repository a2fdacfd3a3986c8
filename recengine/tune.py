"""Tune: the recipe's knobs are searched inside the training data; what the gate judges on takes no part.

What is found challenges from the next night on (``selection.candidates.challenger_of``), and the gate decides as
always. The trials are kept in the warehouse: a search that was stopped goes on from them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.evaluation.splits import Split
from recengine.knobs.stages import TrainConfig, TuneConfig
from recengine.models import make, store
from recengine.models.base import OnProgress, silent
from recengine.models.recipes import Recipe, searched_of, value_in, with_settings
from recengine.models.registry import code_of, kind_of
from recengine.runtime.devices import resolved
from recengine.selection.candidates import asked_recipe
from recengine.tuning.bench import Bench
from recengine.tuning.logbook import LogBook, Subject
from recengine.tuning.said import said_of
from recengine.tuning.search import Found, Outcome, Settings, Stopped, search, trials_of
from recengine.tuning.splits import before_the_gate, validation
from recengine.warehouse.connection import warehouse
from recengine.warehouse.history import trials as history
from recengine.warehouse.transaction import transaction

log = logging.getLogger(__name__)

KEPT_EVERY = 2.0  # seconds of trials that a kill may lose


class TuneReport(BaseModel):
    """What a tuning found.

    Attributes
    ----------
    dataset, model : str
    search : str
        Its id in ``ops.trials`` and ``ops.tunings``.
    knobs : dict
        What left its default, by dotted knob.
    gains : dict of str to float
        What each of these gained when it moved, in the metric.
    recipe : Recipe
        What was asked for, with these knobs.
    said : str
        What changed and by how much, or why nothing did, in one sentence.
    trials : int
        Judged for it, the ones of an earlier start included.
    seconds : float
    complete : bool
        Whether the search ended by itself.
    metric : str
    default, tuned : float or None
        Means of the metric over the lists judged; None where there were none.
    """

    dataset: str
    model: str
    search: str
    knobs: dict[str, Any] = {}
    gains: dict[str, float] = {}
    recipe: Recipe
    said: str
    trials: int = 0
    seconds: float = 0.0
    complete: bool = True
    metric: str
    default: float | None = None
    tuned: float | None = None


def tune(
    home: Home,
    snapshot_folder: Path,
    config: TuneConfig,
    train: TrainConfig,
    *,
    seconds: float | None = None,
    on_progress: OnProgress = silent,
) -> TuneReport:
    """Search the knobs of the recipe that is asked for, and keep what was tried and found.

    Parameters
    ----------
    home : Home
        In whose warehouse trials are kept.
    snapshot_folder : Path
        The feature snapshot.
    config : TuneConfig
        The budget, and when a knob moves.
    train : TrainConfig
        The recipe, and what the gate judges on, which is cut off first.
    seconds : float, optional
        The budget in place of ``config.budget``.
    on_progress : callable
        Told of the trials.
    """
    began = time.perf_counter()
    snapshot, recipe = Snapshot.load(snapshot_folder), asked_recipe(train)
    splits = validation(before_the_gate(snapshot, train), train) if searched_of(recipe) else ()
    subject = Subject(
        snapshot.dataset, recipe.model, train.gate.metric, _id_of(snapshot, recipe, splits, train)
    )
    with warehouse(home.warehouse) as con:
        earlier = history.trials_of(con, subject.search)
    clock = _Clock(began, 60 * config.budget if seconds is None else seconds)
    with _keeping(home) as keep:
        book = LogBook(subject, earlier, keep)
        found = _searched(recipe, splits, book, config, resolved(train.device), clock, on_progress)
    report = _report(recipe, splits, book, found, clock)
    if searched_of(recipe):
        _remember(home, snapshot, report, book, found)
    log.info("tune: %s", report.said)
    return report


def tuned_on(
    part: Snapshot,
    recipe: Recipe,
    config: TuneConfig,
    train: TrainConfig,
    on_progress: OnProgress = silent,
) -> TuneReport:
    """What a first night would find on a training part, from which what judges has been cut off; nothing is kept."""
    clock = _Clock(time.perf_counter(), config.first_night)
    splits = validation(part, train) if searched_of(recipe) else ()
    book = LogBook(Subject(part.dataset, recipe.model, train.gate.metric))
    found = _searched(recipe, splits, book, config, resolved(train.device), clock, on_progress)
    return _report(recipe, splits, book, found, clock)


@contextmanager
def _keeping(home: Home) -> Iterator[Callable[[history.Trial], None]]:
    """Stores trials every few seconds and at the end: opening the warehouse takes longer than a small trial."""
    waiting, since = list[history.Trial](), time.monotonic()

    def write() -> None:
        nonlocal since
        if waiting:
            with warehouse(home.warehouse) as con, transaction(con):
                history.add_trials(con, waiting)
        waiting.clear()
        since = time.monotonic()

    def keep(trial: history.Trial) -> None:
        waiting.append(trial)
        if time.monotonic() - since > KEPT_EVERY:
            write()

    try:
        yield keep
    finally:
        write()


class _Clock(NamedTuple):
    """When a search began, and how many seconds it has."""

    began: float
    seconds: float

    @property
    def spent(self) -> float:
        return time.perf_counter() - self.began


def _searched(
    recipe: Recipe,
    splits: Sequence[Split],
    book: LogBook,
    config: TuneConfig,
    device: str,
    clock: _Clock,
    on_progress: OnProgress,
) -> Found:
    bench, searched = Bench(recipe, splits, book.subject.metric, device), searched_of(recipe)
    expected = trials_of(searched, len(splits))

    def judge(settings: Settings, against: Settings, split: int) -> Outcome:
        if (known := book.find(settings, against, split)) is not None:
            return known
        if clock.spent + bench.expected > clock.seconds or book.used >= config.trials:
            raise Stopped
        found = bench.judge(settings, against, split)
        book.add(settings, against, split, found, bench.seconds)
        on_progress("trials", book.used, max(expected, book.used))
        return found

    asked = make(recipe.model, **recipe.config).config
    defaults = {knob: value_in(asked, knob) for knob in searched}
    found = search(searched, defaults, len(splits), judge, config.agree)
    on_progress("trials", book.used, book.used)
    return found


def _report(
    recipe: Recipe, splits: Sequence[Split], book: LogBook, found: Found, clock: _Clock
) -> TuneReport:
    untuned = book.over_all({}, {}) if splits else None
    tuned = untuned
    for settings, against in found.path:
        tuned = book.over_all(settings, against)
    return TuneReport(
        dataset=book.subject.dataset,
        model=recipe.model,
        search=book.subject.search,
        knobs=found.settings,
        gains={step.knob: step.gain for step in found.steps if step.knob in found.settings},
        recipe=with_settings(recipe, found.settings),
        said=said_of(recipe, splits, book, found, clock.spent),
        trials=book.used,
        seconds=clock.spent,
        complete=found.complete,
        metric=book.subject.metric,
        default=None if untuned is None else untuned.mean,
        tuned=None if tuned is None else tuned.mean,
    )


def _remember(home: Home, snapshot: Snapshot, report: TuneReport, book: LogBook, found: Found) -> None:
    """Note what a search found: the newest of its dataset and model challenges."""
    tuning = history.Tuning(
        dataset=report.dataset,
        search=report.search,
        model=report.model,
        snapshot=snapshot.fingerprint,
        recipe=report.recipe.model_dump(mode="json"),
        knobs=report.knobs,
        said=report.said,
        complete=report.complete,
        tuned_at=store.now().replace(tzinfo=None),
        seconds=report.seconds,
        metric=report.metric,
        untuned=report.default,
        tuned=report.tuned,
    )
    kept = [number for settings, against in found.path for number in book.numbers(settings, against)]
    with warehouse(home.warehouse) as con, transaction(con):
        history.finish(con, tuning, kept)


def _id_of(snapshot: Snapshot, recipe: Recipe, splits: Sequence[Split], train: TrainConfig) -> str:
    """One search's id: what its trials' figures follow from."""
    about = {
        "snapshot": snapshot.fingerprint,
        "recipe": recipe.model_dump(mode="json"),
        "splits": [split.train.fingerprint for split in splits],
        "metric": train.gate.metric,
        "device": resolved(train.device),
        "code": code_of(kind_of(recipe.model)),
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]
