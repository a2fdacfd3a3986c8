"""A disk that fills in the middle of a stage: one sentence, the last good tables, and a next run that works.

The disk is a real one, a small tmpfs; skipped where mounting is not permitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from full_disks import fill, small_disk
from stage_commands import start

from recengine.config import Home
from recengine.serving import queries as reading
from recengine.serving.versions import current_version
from recengine.synthetic.generator import GeneratorConfig, generate

OPTIONS = {
    "ingest": (),
    "features": (),
    "train": ("--model", "ease", "--force"),
    "score": (),
    "publish": ("--force",),
}
_seeds = count(1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home on a disk of its own, with something published."""
    with small_disk(tmp_path_factory.mktemp("disk"), megabytes=48) as disk:
        found = Home.at(disk / "home")
        stages(found, release(tmp_path_factory.mktemp("first")), *OPTIONS)
        yield found


@pytest.mark.parametrize(
    "free_kb", [16, *(pytest.param(kb, marks=pytest.mark.slow) for kb in (0, 64, 256, 700, 1500))]
)
@pytest.mark.parametrize(
    "stage",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in ("ingest", "features") else name
        for name in OPTIONS
    ],
)
def test_the_disk_fills(
    home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str], stage: str, free_kb: int
) -> None:
    before, names = current_version(home), list(OPTIONS)
    source = release(tmp_path)
    stages(home, source, *names[: names.index(stage)])
    capfd.readouterr()
    with fill(home.root.parent, free_kb):
        code = command(home, source, stage)
        said = " ".join(capfd.readouterr().err.split())
        assert code == 0 or f"Error: The disk of {home.root} is full (" in said, said
        assert code == 2 or free_kb > 16, "it had no room to work in"
        if code == 2:
            assert "the published tables stay. Free some space" in said
            assert "Traceback" not in said
            assert current_version(home) == before
        assert len(reading.top(home, 1)) == 10
    stages(home, source, *names)
    assert current_version(home) != before
    assert reading.status(home)["publication"]["dataset"] == source.name
    left = [str(path) for folder in (home.serving, home.models, home.snapshots) for path in folder.iterdir()
            if path.name.startswith((".", "building")) and path.name != ".lock"]  # fmt: skip
    assert left == []


def release(folder: Path) -> Path:
    """New data, elsewhere than on the small disk."""
    seed = next(_seeds)
    config = GeneratorConfig(users=150, movies=120, ratings=6000, seed=seed)
    return generate(folder / f"small-{seed}", config).folder


def stages(home: Home, source: Path, *names: str) -> None:
    """Run stages, which must succeed."""
    for name in names:
        assert command(home, source, name) == 0


def command(home: Home, source: Path, stage: str) -> int:
    """One stage by the command line; returns its exit code."""
    more = ("--source", source) if stage == "ingest" else ()
    return start(stage, *OPTIONS[stage], *more, "--home", home.root)
