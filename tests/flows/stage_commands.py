"""The command line in this process, as the program runs it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flows import cli
from recengine.config import Home
from recengine.synthetic.generator import GeneratorConfig, generate

SMALL = GeneratorConfig(layout="ml-100k", users=40, movies=60, ratings=1_000, seed=7)


def start(*arguments: object) -> int:
    """Run the command line in this process, as the program does; returns its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["recengine", *map(str, arguments)])
        patch.setenv("RECENGINE_HOME", "")  # the commands set it; take it back afterwards
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return int(ended.value.code or 0)


def published_in(folder: Path) -> Home:
    """A home in a folder with a publication, made stage by stage of the small data in its ``source``."""
    home, source = folder / "home", folder / "source"
    generate(source, SMALL)
    stages = [
        ("ingest", "--source", source),
        ("train", "--model", "popularity", "--force"),
        ("score",),
        ("publish",),
    ]
    assert [start(*stage, "--home", home) for stage in stages] == [0] * 4
    return Home.at(home)
