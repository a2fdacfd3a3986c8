"""What a command leaves: a reading one nothing at all, a stopped one what its sentence says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stage_commands import start

from recengine.config import Home
from recengine.warehouse.run_lock import locked

READING = [
    ("top", "1"),
    ("why", "1"),
    ("sql", "SELECT 1"),
    ("status",),
    ("status", "--max-age", "26h"),
    ("diff",),
    ("models",),
    ("models", "show", "ease-1"),
    ("report",),
    ("export", "parquet"),
    ("tradeoff",),
    ("forget", "1"),
]


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_reading_command_makes_nothing_where_nothing_is(
    arguments: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "none"
    assert start(*arguments, "--home", home) == 2
    assert capfd.readouterr().err == (
        f"Error: Nothing is published under {home} yet: there is no such folder; run `recengine run` first, "
        "or name another folder with --home.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("report",), ("tradeoff",)], ids=" ".join)
def test_a_page_makes_no_warehouse(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert start(*arguments, "--home", tmp_path) == 2
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_says_what_was_kept(tmp_path: Path) -> None:
    """Here in the middle of waiting for another run."""
    home = Home.at(tmp_path / "home")
    command = [sys.executable, "-c", "from flows.cli import main; main()", "ingest", "--home", str(home.root)]
    with locked(home, "the test"):
        running = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": os.getcwd()}
        )
        assert running.stderr is not None
        assert "waits for the test" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == 130
        assert running.stderr.read() == (
            "Stopped: what readers see stays as it is, and what was not finished is put right by the next command.\n"
        )
