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
) -> None:
    """Prefect server, deployments, schedules and a worker on one box, until Ctrl-C."""
    from deployments import serve as engine

    engine.serve(use(home), host, port, say=console.say)
