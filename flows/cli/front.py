"""The front door: ``recengine`` alone, and the options that every command knows."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from flows.cli import console

_GREETING = """recengine: a nightly batch recommender. Files of ratings in, a DuckDB file with everybody's top N out.

Three commands to begin with:
  recengine run                  a whole night on the built-in demo data, about 90 s, ending with a list
  recengine run --source FOLDER  the same on your own files
  recengine top USER             a user's list, with titles

All commands: recengine --help; what one takes: recengine COMMAND --help."""


def register(app: typer.Typer) -> None:
    """Add what stands before every command."""
    app.callback(invoke_without_command=True)(front)


def _show_version(wanted: bool) -> None:
    if wanted:
        from recengine.config import VERSION

        print(f"recengine {VERSION}")
        raise typer.Exit


def front(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="The version, and end.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="On stderr only warnings and errors: no steps, no bars.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="On stderr also details, and the traceback of an error.")
    ] = False,
) -> None:
    """A nightly batch recommender: MovieLens files in, top-N tables out."""
    if quiet and verbose:
        raise typer.BadParameter("--quiet and --verbose exclude each other; leave one out.")
    console.speak(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    if context.invoked_subcommand is None:
        print(_GREETING)
