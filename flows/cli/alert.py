"""``recengine alert``: where alerts go, and whether they arrive."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from flows.cli.options import HomeOption, use

TEST = "recengine: this is a test. Alerts of runs that fail, crash or keep the old tables come here."


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(alert)


def alert(
    test: Annotated[bool, typer.Option("--test", help="Send a test message to each place")] = False,
    home: HomeOption = None,
) -> None:
    """Where alerts of failed, crashed and kept nights go; --test sends one, exit 1 where it was not taken."""
    from flows.server import local
    from flows.support import channels
    from recengine.errors import BadInput

    if not channels.places():
        raise BadInput(
            f"Alerts go nowhere: set {channels.WEBHOOK} to a webhook's address, or {channels.BLOCKS} to "
            "notification blocks of Prefect, such as slack-webhook/ops."
        )
    if not test:
        for place in channels.places():
            print(place)
        return
    if channels.blocks():
        local.settle(use(home))
    with local.server() if channels.blocks() else nullcontext():
        sent = channels.send(TEST)
    for each in sent:
        print(f"{each.place}: {each.problem or 'sent'}")
    if any(each.problem for each in sent):
        raise typer.Exit(1)
