"""``recengine browse``: what is published, in a browser on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import console
from flows.cli.options import HomeOption, there


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(browse)


def browse(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Of 127.0.0.1")] = 8501,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Show it in the browser at once")] = True,
    home: HomeOption = None,
) -> None:
    """Look through what is published in a browser on this machine, read-only, until Ctrl-C."""
    from flows.browse import starting

    chosen = there(home)
    console.say(f"http://127.0.0.1:{port} shows what is published under {chosen.root}, until Ctrl-C.")
    raise typer.Exit(starting.browse(chosen, port, show))
