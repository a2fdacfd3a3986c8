"""Tune: a better recipe is looked for by validation inside the training data; the gate of the next night judges it.

When: every week by schedule, by hand, and inside a home's first night. Requires: an ingested dataset. Goes on with
the trials of a search that was cut off.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from prefect import task
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.features import build_features
from flows.support import artifacts
from flows.support.cancellation import stop_if_cancelled
from flows.support.form import form
from flows.support.progress import stage
from flows.support.result_cache import UNCACHED
from flows.support.tasks import RETRIED, open_warehouse, run_lock
from recengine import tune as engine
from recengine.config import Home
from recengine.knobs.sources import InForce, told_where
from recengine.knobs.stages import TrainConfig, TuneConfig
from recengine.models.base import OnProgress
from recengine.selection.candidates import asked_recipe
from recengine.serving import report
from recengine.tuning import first_night

SHOWN_SECONDS = 5.0  # between two looks at whether the run was cancelled, and two marks of its progress


# What it did is in its trials: a run that is tried again goes on with them, so that nothing else is stored.
@task(name="tune recipe", **UNCACHED, **RETRIED)
def tune_recipe(snapshot: Path, config: TuneConfig, train: TrainConfig, first: bool = False) -> State[Any]:
    """Search the recipe's knobs: as long as the budget says, or for the seconds of a home's first night."""
    home, seconds = Home.at(), None
    if first:
        seconds = config.first_night
        with open_warehouse() as (_, con):
            objection = first_night.objection(con, home, snapshot, config, train)
        if objection:
            return Completed(name="Skipped", message=objection)
    with stage("tune") as seen:
        found = engine.tune(home, snapshot, config, train, seconds=seconds, on_progress=_watched(seen))
    with open_warehouse() as (_, con):
        artifacts.tuned(report.tuning_of(con, found.dataset, found.model))
    return Completed(name="Tuned" if found.knobs else "Unchanged", message=found.said)


def _watched(seen: OnProgress) -> OnProgress:
    """Shows how far the search is, and ends it where the run was cancelled: its trials are kept."""
    show, last = artifacts.progress("tuning-progress", "Trials of the recipe's knobs"), time.monotonic()

    def on_progress(what: str, done: int, total: int) -> None:
        nonlocal last
        seen(what, done, total)
        if time.monotonic() - last < SHOWN_SECONDS and done < total:
            return
        last = time.monotonic()
        stop_if_cancelled()
        show(done, total)

    return on_progress


@form(
    "tune",
    "train.model",
    "train.recency",
    "train.seed",
    "train.knobs",
    "train.device",
    "train.holdout_share",
    "train.judged_ratings",
    "tune.budget",
    "tune.agree",
    "tune.trials",
    "train.gate",
)
def tune(*, in_force: InForce) -> State[Any]:
    """Search the recipe's knobs on what the home holds; the winner challenges in the next night."""
    with told_where(in_force):
        asked_recipe(in_force.knobs.train)
    with run_lock():
        snapshot = build_features("what the warehouse holds").folder
        done = tune_recipe(snapshot, in_force.knobs.tune, in_force.knobs.train, return_state=True)
        done.result()  # raises what failed
        return Completed(name=done.name, message=done.message)
