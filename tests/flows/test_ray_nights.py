"""Whole nights by a Ray cluster, killed and gone on with: what readers see changes at the end or not at all."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ray_clusters import Nodes, ended, noted, standing, under, until

from recengine.config import Home
from recengine.shards import files
from recengine.warehouse.connection import published

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'recengine[ray]'"
    ),
]


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    with standing(monkeypatch) as made:
        yield made


@contextmanager
def night(
    home: Home, source: Path, *options: str, cluster: Nodes | None = None
) -> Iterator[subprocess.Popen[str]]:
    """``recengine run`` in a process of its own, in shards of 700 ratings."""
    settings = os.environ | {"RECENGINE_SHARD_RATINGS": "700", "RECENGINE_HOME": str(home.root)}
    if cluster is not None:
        settings |= {"RAY_ADDRESS": cluster.cluster.address}
        options = (*options, "--engine", "ray", "--ray-address", "auto")
    command = [sys.executable, "-c", "from flows.cli import main; main()", "run", "--source", str(source)]
    command += ["--model", "ease", "--set", "tune.first_night=0", *options]
    with subprocess.Popen(
        command,
        env=settings,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        yield process


def ran(home: Home, source: Path, *options: str, cluster: Nodes | None = None) -> None:
    with night(home, source, *options, cluster=cluster) as process:
        _, said = process.communicate()
    assert process.returncode == 0, said


def lists_of(home: Home) -> list[tuple[object, ...]]:
    with published(home.root / "serving.duckdb") as readers:
        query = "SELECT user_id, rank, movie_id, score FROM recommendations ORDER BY ALL"
        return readers.execute(query).fetchall()


def rooms(home: Home, kind: str) -> list[Path]:
    return [*home.snapshots.glob(f"*/{files.WORK}/{kind}*/0*")]


def test_a_night_killed_while_scoring_changes_nothing_and_the_next_one_goes_on(
    nodes: Nodes, home: Home, demo: Path, tmp_path: Path
) -> None:
    ran(home, demo)
    before, link = lists_of(home), os.readlink(home.root / "serving.duckdb")
    began = time.monotonic()
    with night(home, demo, "--force", cluster=nodes) as process:
        made = until(lambda: rooms(home, "lists-"), "the first shard's lists")
        family = under(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert ended({one: line for one, line in family.items() if "ray::" not in line}) == []
    assert os.readlink(home.root / "serving.duckdb") == link
    assert lists_of(home) == before
    assert made
    ran(home, demo, "--force", cluster=nodes)
    assert os.readlink(home.root / "serving.duckdb") != link
    assert rooms(home, "") == []
    here = Home(tmp_path / "here")
    ran(here, demo)
    assert lists_of(home) == lists_of(here)
    noted(
        "the driver's night", "scoring", [], began, "tables as before; the next night's are those made here"
    )


def test_a_night_whose_nodes_are_lost_for_good_fails_with_a_sentence(
    nodes: Nodes, home: Home, demo: Path
) -> None:
    ran(home, demo)
    before, began = lists_of(home), time.monotonic()
    with night(home, demo, "--force", cluster=nodes) as process:
        until(lambda: [*home.snapshots.glob(f"*/{files.WORK}/*")], "the first work on shards")
        nodes.lose_all()
        _, said = process.communicate(timeout=240)
    assert process.returncode == 2
    assert "The Ray cluster has had no CPUs for" in said
    assert lists_of(home) == before
    noted("both nodes for good", "a night", [], began, "a sentence after a minute; tables as before")
