"""``recengine config``: every knob in force, and where its value comes from."""

from __future__ import annotations

import typer

from flows.cli import console
from flows.cli.options import FormatOption, HomeOption, SetOption, knobs, refuse_what_cannot_be


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(config)


def config(form: FormatOption = "table", home: HomeOption = None, settings: SetOption = None) -> None:
    """Every knob in force, its value, where that comes from, and what it does; makes nothing."""
    import pandas as pd

    from recengine.knobs.listing import rows
    from recengine.models.registry import kind_of

    in_force = knobs(home, settings, {})
    refuse_what_cannot_be(in_force)
    console.show(pd.DataFrame(rows(in_force, kind_of(in_force.knobs.train.model).Config)), form)
