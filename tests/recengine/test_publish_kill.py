"""kill -9 at every stage of a publication: readers keep whole tables, and the next publication just works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from engine_homes import published
from kill_zygote import STAGES

from recengine import publish
from recengine.config import Home
from recengine.serving.versions import current_version, versions
from recengine.warehouse.connection import warehouse


@pytest.fixture(scope="module")
def zygote() -> Iterator[subprocess.Popen[str]]:
    """A process that has imported everything and forks the publications to kill."""
    path = os.pathsep.join(part for part in sys.path if part)
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("kill_zygote.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as process:
        yield process
        process.kill()


def read(home: Home) -> tuple[str, int]:
    with duckdb.connect(str(home.serving_link), read_only=True) as con:
        [(version, promised)] = con.execute("SELECT version, recommendations FROM publication").fetchall()
        assert con.execute("SELECT count(*) FROM recommendations_detailed").fetchall() == [(promised,)]
    return version, promised


@pytest.mark.parametrize("stage", STAGES)
def test_killed_publication(stage: str, home: Home, zygote: subprocess.Popen[str]) -> None:
    old = published(home)
    assert zygote.stdin is not None
    assert zygote.stdout is not None
    zygote.stdin.write(f"{stage} {home.root}\n")
    zygote.stdin.flush()
    pid = int(zygote.stdout.readline())
    assert read(home)[1] == 200  # also while the writer stands there
    os.kill(pid, signal.SIGKILL)

    version, _ = read(home)
    assert (version > old) if stage == "after_the_link" else (version == old)
    assert version == current_version(home)

    new = published(home)
    assert read(home) == (new, 200)
    assert new > version
    names = {file.name for file in home.serving.iterdir()} - {".lock"}
    assert names == {f"serving-{kept}.duckdb" for kept in versions(home)}
    assert {old, new} <= set(versions(home))
    assert not (home.root / ".serving.link").is_symlink()
    with warehouse(home.warehouse) as con:
        assert publish.rollback(con, home) == version, "readers saw that one last, whatever was killed since"


def test_killed_first_publication(home: Home, zygote: subprocess.Popen[str]) -> None:
    assert zygote.stdin is not None
    assert zygote.stdout is not None
    zygote.stdin.write(f"after_audits {home.root}\n")
    zygote.stdin.flush()
    os.kill(int(zygote.stdout.readline()), signal.SIGKILL)
    assert current_version(home) is None
    assert not home.serving_link.exists()
    new = published(home)
    assert (read(home), versions(home)) == ((new, 200), [new])
