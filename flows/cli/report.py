"""``recengine report``: the morning's page."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import console
from flows.cli.options import HomeOption, there


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(report)


def report(
    show: Annotated[bool, typer.Option("--open", help="Show it in the browser as well")] = False,
    home: HomeOption = None,
) -> None:
    """The page of what is published: rows, metrics of the last nights, charts, lists before and now."""
    from recengine.errors import NotReady
    from recengine.serving import report as engine
    from recengine.serving.versions import current_version
    from recengine.warehouse.connection import warehouse

    chosen = there(home)
    if current_version(chosen) is None:
        raise NotReady(f"Nothing is published under {chosen.root} yet", "run `recengine run` first")
    with console.busy("report"), warehouse(chosen.warehouse) as con:
        page = engine.write(con, chosen)
    print(page)
    if show:
        typer.launch(str(page))
