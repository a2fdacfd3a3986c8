"""The options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from recengine.config import Home
from recengine.movielens.scale import parse
from recengine.runtime.paths import meant


def scale_text(text: str) -> str:
    """The text of a scale, which is checked before anything starts; blank is none."""
    if text.strip():
        parse(text)
    return text.strip()


Format = Literal["table", "csv", "json"]

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", parser=meant, help="Where everything is kept (RECENGINE_HOME, else ./data)"),
]
DatasetOption = Annotated[
    str, typer.Option("--dataset", help="demo, or a GroupLens release such as ml-1m (downloaded once)")
]
NightDatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        help="demo, or a GroupLens release such as ml-1m (downloaded once); without it and --source: "
        "what is published, else demo",
    ),
]
SourceOption = Annotated[
    Path | None, typer.Option("--source", parser=meant, help="MovieLens folder or zip of your own")
]
TopNOption = Annotated[int, typer.Option("--top-n", min=1, max=1000, help="Recommendations per user")]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="The model that challenges what is published (README lists them)"),
]
RecencyOption = Annotated[
    Literal["auto", "off"],
    typer.Option("--recency", help="auto lifts what is popular now; off: all-time taste"),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Seed of everything random")]
ForceOption = Annotated[
    bool,
    typer.Option(
        "--force", help="Run although nothing changed, a check objects or another dataset is published"
    ),
]
FromScratchOption = Annotated[
    bool,
    typer.Option(
        "--from-scratch", help="Judge and train from nothing; large data goes on from the last night"
    ),
]
BadShareOption = Annotated[
    float, typer.Option("--max-bad-share", min=0, max=1, help="Share of unusable rows a load accepts")
]
ScaleOption = Annotated[
    str,
    typer.Option(
        "--scale",
        parser=scale_text,
        metavar="LOW-HIGH/STEP",
        help="The ratings' scale, such as 0-10/1, or implicit for data without ratings; found from all ratings "
        "when left out",
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="json prints nothing else on stdout")]


def use(home: Path | None) -> Home:
    """The home for this command, and for every process it starts; what they make is private to begin with."""
    os.umask(0o077)
    chosen = Home.at(home)
    os.environ["RECENGINE_HOME"] = str(chosen.root)
    return chosen
