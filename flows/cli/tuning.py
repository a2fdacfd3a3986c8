"""``recengine tune``: search the recipe's knobs on what the home holds, without Prefect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import console
from flows.cli.options import (
    DeviceOption,
    Format,
    FormatOption,
    HomeOption,
    ModelOption,
    RecencyOption,
    SeedOption,
    SetOption,
    alone,
    knobs,
    refuse_what_cannot_be,
)

if TYPE_CHECKING:
    from recengine.config import Home
    from recengine.tune import TuneReport


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(tune)


def tune(
    budget: Annotated[
        float | None, typer.Option("--budget", help="Most minutes; a search cut off goes on next time")
    ] = None,
    model: ModelOption = None,
    recency: RecencyOption = None,
    seed: SeedOption = None,
    home: HomeOption = None,
    device: DeviceOption = None,
    settings: SetOption = None,
    form: FormatOption = "table",
) -> None:
    """Search the recipe's knobs by validation inside the training data; the winner challenges in the next night."""
    from recengine import features as feature_stage
    from recengine import tune as engine
    from recengine.warehouse.connection import warehouse

    options = {
        "tune.budget": budget,
        "train.model": model,
        "train.recency": recency,
        "train.seed": seed,
        "train.device": device,
    }
    in_force = knobs(home, settings, options)
    refuse_what_cannot_be(in_force)
    with alone(home, "tune") as chosen:
        with warehouse(chosen.warehouse) as con:
            folder = feature_stage.build(con, chosen).folder
        with console.progress() as on_progress:
            report = engine.tune(
                chosen, folder, in_force.knobs.tune, in_force.knobs.train, on_progress=on_progress
            )
    _show(report, form, chosen)


def _show(report: TuneReport, form: Format, home: Home) -> None:
    """What changed and what each change gained, and where the trials are."""
    import pandas as pd

    if form == "json":
        console.show_json(report.model_dump(mode="json"))
        return
    changed = [(knob, str(value), report.gains.get(knob)) for knob, value in report.knobs.items()]
    frame = pd.DataFrame(changed, columns=["knob", "value", f"gain in {report.metric}"])
    if changed or form == "csv":
        console.show(frame, form, title=f"What left its default of {report.model} on {report.dataset}")
    console.say(report.said)
    if report.trials:
        console.say(
            f"{report.trials:,} trials: SELECT * FROM ops.trials WHERE search = '{report.search}', in "
            f"{console.shell(home.warehouse)}"
        )
