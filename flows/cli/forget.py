"""``recengine forget``: users leave everything under the home."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import console
from flows.cli.options import HomeOption, there


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(forget)


def forget(
    users: Annotated[list[str], typer.Argument(metavar="USER...", help="User ids, as the files write them")],
    undo: Annotated[
        bool, typer.Option("--undo", help="Let the next load count them again; nothing else comes back")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Remove users from every table, kept version, model and page, for good, and leave them out of later loads."""
    from flows.support import stored_runs as runs
    from recengine.upkeep import forget as engine
    from recengine.warehouse.run_lock import locked

    chosen = there(home)
    with locked(chosen, "recengine forget"):
        if undo:
            engine.readmit(chosen, users)
            return
        report = engine.forget(chosen, users, also=lambda ids, keys: runs.forget(chosen, ids, keys))
    console.say(
        f"Forgotten: user {', '.join(report.keys or map(str, report.users))}. "
        f"Erased: {sum(report.rows.values()):,} rows and "
        f"{report.quoted_lines:,} quoted lines of the warehouse; written anew: {len(report.versions)} published "
        f"versions, {len(report.models)} models, {len(report.pages)} pages."
    )
    for version in report.versions_removed:
        console.say(f"Version {version} could not be read and was removed.")
