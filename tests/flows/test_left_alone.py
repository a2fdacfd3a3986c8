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


def test_ctrl_c_does_what_is_to_be_done_last_and_ends_in_the_middle_of_the_work() -> None:
    program = (
        "import os, signal, time\n"
        "from flows.cli.stopped import ends_on_interrupt, last\n"
        "def fail(): raise OSError\n"
        "with ends_on_interrupt(lambda: 'tune'), last(fail), last(lambda: print('cancelled', flush=True)):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(60)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout) == (130, "cancelled\n")
    assert done.stderr.startswith("Stopped: the trials that had finished are kept")
