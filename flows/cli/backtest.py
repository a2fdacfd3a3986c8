"""``recengine run --as-of DATE``: lists as they would have been, beside what is published and never over it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from flows.cli import console
from flows.cli.options import alone, use
from recengine.config import Home
from recengine.errors import BadInput
from recengine.knobs.sources import InForce, Knobs


def run(home: Path | None, as_of: str, in_force: InForce, force: bool, left_out: Mapping[str, Any]) -> None:
    """Judge, fit, score and publish in a home of its own, on the ratings that this home held on a day.

    Raises
    ------
    BadInput
        That is no date, no rating is that old, the ratings have no times, or an option was given that cannot be.
    """
    from recengine.upkeep.as_of import home_as_of

    day = _day(as_of)
    if given := [option for option, value in left_out.items() if value]:
        raise BadInput(
            f"--as-of takes the ratings that the home holds and exports nothing; leave {given[0]} out."
        )
    with alone(home, "run --as-of") as live, console.busy(f"ratings up to {day}"):
        then = home_as_of(live, day)
    with alone(use(then.root).root, "run --as-of"):
        reason = _night(then, in_force.knobs, force)
    console.say(f"As of {day}: {reason} What is published under {live.root} is as it was.")


def _night(then: Home, knobs: Knobs, force: bool) -> str:
    """The stages from features to publication; says why this model."""
    from recengine import features, publish, score, train
    from recengine.engine.chosen import engine_of
    from recengine.scoring.parts import elsewhere
    from recengine.warehouse.connection import warehouse

    with console.progress() as progress, engine_of(knobs.cluster) as shards:
        with warehouse(then.warehouse) as con:
            folder = features.build(con, then).folder
        trained = train.train(
            then, folder, knobs.train, lists=knobs.score, force=force, on_progress=progress, engine=shards
        )
        model_id = str(trained.model_id)  # where nothing is published yet, popularity is at the least
        with warehouse(then.warehouse) as con:
            train.remember(con, then, model_id)
            score.score(con, then, folder, model_id, knobs.score, progress, elsewhere(shards))
            settings = knobs.publish.model_copy(update={"exports": type(knobs.publish)().exports})
            publish.publish(con, then, settings, reason=trained.selection.reason)
    return trained.selection.reason


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--as-of takes a day such as 2026-11-01, and {text!r} is none.") from None
