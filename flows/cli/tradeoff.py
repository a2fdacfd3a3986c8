"""``recengine tradeoff``: what each switch of the lists costs at several weights, on the home's own data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli import console
from flows.cli.options import (
    DeviceOption,
    Format,
    FormatOption,
    HomeOption,
    SetOption,
    alone,
    knobs,
    refuse_what_cannot_be,
    there,
)
from recengine.knobs.published import SWITCHES
from recengine.runtime.paths import user_path

if TYPE_CHECKING:
    from recengine.dataset import Snapshot
    from recengine.evaluation.tradeoff import Tradeoff
    from recengine.models.recipes import Recipe


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(tradeoff)


def tradeoff(
    switch: Annotated[
        list[str] | None,
        typer.Option(
            "--switch", help=f"One of {', '.join(SWITCHES)}; may be given several times [default: all]"
        ),
    ] = None,
    weight: Annotated[
        list[float] | None,
        typer.Option("--weight", help="May be given several times [default: 0.05, 0.1, 0.2 and 0.4]"),
    ] = None,
    users: Annotated[int, typer.Option("--users", min=1, help="Most users whose lists are made")] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which of them, where there are more")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", parser=user_path, help="Draw the curves: a file .html or .svg")
    ] = None,
    home: HomeOption = None,
    device: DeviceOption = None,
    settings: SetOption = None,
    form: FormatOption = "table",
) -> None:
    """What diversity, calibration and the other switches of the lists cost, at several weights; publishes nothing."""
    from recengine.evaluation import tradeoff as engine
    from recengine.serving.report import tradeoffs

    in_force = knobs(home, settings, {"train.device": device})
    refuse_what_cannot_be(in_force)
    config = engine.checked(switch or SWITCHES, weight or engine.WEIGHTS, users, seed)
    if output is not None:
        tradeoffs.checked_path(output)
    snapshot, recipe = _newest(home)
    with console.progress() as on_progress:
        found = engine.tradeoff(recipe, snapshot, in_force.knobs.train, config, on_progress)
    if output is not None:
        tradeoffs.write(found, output)
    _show(found, form, output)


def _show(found: Tradeoff, form: Format, output: Path | None) -> None:
    """The curves as a table, and whose lists they are about."""
    import pandas as pd

    from recengine.serving.report import tradeoffs

    if form == "json":
        console.show_json(found.model_dump(mode="json"))
        return
    if form == "csv":
        console.show(pd.DataFrame(tradeoffs.rows_of(found)), form)
        return
    frame = pd.DataFrame(tradeoffs.cells_of(found), columns=list(tradeoffs.READ))
    console.show(frame, form, title=f"{found.model} on {found.dataset}: lists of {found.k}")
    console.say(found.description)
    if output is not None:
        console.say(f"Drawn: {console.shell(output)}")


def _newest(home: Path | None) -> tuple[Snapshot, Recipe]:
    """What the home holds, and the recipe of the newest model of it."""
    from recengine import features as feature_stage
    from recengine.dataset import Snapshot
    from recengine.errors import NotReady
    from recengine.models import store
    from recengine.selection.champion import recipe_of
    from recengine.warehouse.connection import warehouse

    if not there(home).warehouse.exists():
        raise NotReady("Nothing has been ingested yet", "run `recengine ingest` first")
    with alone(home, "tradeoff") as chosen:  # a night need not wait for what follows
        with warehouse(chosen.warehouse) as con:
            folder = feature_stage.build(con, chosen).folder
        snapshot = Snapshot.load(folder)
        made = [manifest for manifest in store.stored(chosen) if manifest.dataset == snapshot.dataset]
    if not made:
        raise NotReady(
            "No model has been trained on the data in the warehouse", "run `recengine train` first"
        )
    recipe, said = recipe_of(made[0])  # the newest; its data and code may be yesterday's
    if recipe is None:
        raise NotReady(said.rstrip("."), "run `recengine train` first")
    if said:
        console.say(said)
    return snapshot, recipe
