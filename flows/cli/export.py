"""``recengine export``: what is published now, taken elsewhere, without publishing anew."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import console
from flows.cli.options import HomeOption, exports, knobs, there


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(export)


def export(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="parquet, csv, postgres or an exporter's import path; all of publish.exports when left out"
        ),
    ] = None,
    destination: Annotated[
        str | None,
        typer.Argument(
            metavar="[DEST]", help="A folder, s3://bucket/prefix or postgresql://host/database; else exports/"
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Take what is published elsewhere, as each publication does where publish.exports says so."""
    from recengine.errors import BadInput, NotReady
    from recengine.serving.exports import check, export_to
    from recengine.serving.versions import current_version, path_of

    asked = exports([" ".join(filter(None, (kind, destination)))]) if kind else None
    in_force = knobs(home, None, {"publish.exports": asked})
    names = in_force.knobs.publish.exports
    if not names:
        raise BadInput(
            "Say what to export, such as recengine export parquet /mnt/recs: publish.exports is empty."
        )
    check(names)
    chosen = there(home)
    if (version := current_version(chosen)) is None:
        raise NotReady("Nothing is published yet", "run `recengine run` first")
    for name in names:
        with console.busy(f"export {name.partition(' ')[0]}"):
            export_to(chosen, path_of(chosen, version), name)
        console.say(f"Exported version {version}: {name}")
