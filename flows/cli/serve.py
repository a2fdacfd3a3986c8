"""``recengine serve``: Prefect server, deployments, schedules and a worker on one box, until Ctrl-C."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import console
from flows.cli.options import HomeOption, use


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(serve)


def serve(
    home: HomeOption = None,
    host: Annotated[
        str, typer.Option("--host", help="Others than this machine reach it only with an auth string set")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 4200,
    source: Annotated[
        str | None, typer.Option("--source", help="What the scheduled night reads: folder or zip of your own")
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="... or a dataset by name")] = None,
    cron: Annotated[
        str | None, typer.Option("--cron", help="When, as a cron line; first '30 3 * * *'")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="... in this timezone; first UTC")
    ] = None,
    tune_cron: Annotated[
        str | None,
        typer.Option("--tune-cron", help="When the recipe is tuned; first '30 4 * * 0', off is never"),
    ] = None,
) -> None:
    """Prefect server, deployments, schedules and a worker on one box, until Ctrl-C.

    What is said of the schedules is remembered in the home ('' forgets it); unsaid, a night goes on with what is
    published.
    """
    from flows.server import serve as engine

    when = {"cron": cron, "timezone": timezone, "tune_cron": tune_cron}
    engine.serve(use(home), host, port, say=console.say, source=source, dataset=dataset, **when)
