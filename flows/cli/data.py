"""Datasets: ``download`` a GroupLens release, ``generate`` one of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import console
from flows.cli.options import HomeOption, SeedOption, use
from recengine.runtime.paths import user_path


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (download, generate):
        app.command()(command)


def download(
    name: Annotated[str, typer.Argument(help="ml-100k, ml-1m, ml-25m ...")], home: HomeOption = None
) -> None:
    """Fetch a GroupLens release once, with resume and checksum."""
    from recengine.movielens import download as engine

    chosen = use(home)
    with console.progress() as on_progress:

        def on_bytes(done: int, total: int | None) -> None:
            on_progress(f"{name}, bytes", done, total or done)

        folder = engine.download(name, chosen.sources / name, on_progress=on_bytes)
    print(folder)


def generate(
    folder: Annotated[
        Path, typer.Argument(parser=user_path, help="Where to write; must not exist or be empty")
    ],
    layout: Annotated[
        str, typer.Option("--layout", help="ml-100k, ml-1m, ml-10m, csv or an ml-*m of its kind")
    ] = "ml-1m",
    users: Annotated[int, typer.Option("--users", min=1)] = 1_000,
    movies: Annotated[int, typer.Option("--movies", min=1)] = 1_700,
    ratings: Annotated[int, typer.Option("--ratings", min=1)] = 100_000,
    seed: SeedOption = None,
    demographics: Annotated[bool, typer.Option("--demographics", help="csv: also write users.csv")] = False,
) -> None:
    """Write MovieLens-shaped data of any size: long tails, real tastes, believable titles."""
    from recengine.runtime.space import space_errors
    from recengine.synthetic import generator as engine

    config = engine.GeneratorConfig(
        layout=layout,
        users=users,
        movies=movies,
        ratings=ratings,
        seed=seed or 0,
        demographics=demographics,
    )
    with space_errors(folder), console.progress() as on_progress:
        engine.generate(folder, config, on_progress)
    print(folder)
