"""Turns: the second waits and says for whom, gives up by name, and a killed holder holds nothing."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from recengine.config import Home
from recengine.errors import WarehouseBusy
from recengine.warehouse.run_lock import locked

HOLDER = """
import sys, time
from recengine.config import Home
from recengine.warehouse.run_lock import locked
with locked(Home.at(sys.argv[1]), "the nightly run calm-owl"):
    print("has it", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A fresh home."""
    return Home.at(tmp_path)


@pytest.fixture
def holder(home: Home) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the home."""
    command = [sys.executable, "-c", HOLDER, str(home.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "has it\n"
        yield process
        process.kill()


def test_it_gives_up_and_says_who_has_it(home: Home, holder: subprocess.Popen[str]) -> None:
    with (
        pytest.raises(WarehouseBusy, match=rf"in use by the nightly run calm-owl \(process {holder.pid}\)"),
        locked(home, "recengine train", wait_seconds=0.2),
    ):
        raise AssertionError("two had their turn")


def test_it_waits_says_for_whom_and_goes_on_when_the_holder_is_killed(
    home: Home,
    holder: subprocess.Popen[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recengine.warehouse.run_lock.SAY_SECONDS", 0.1)
    monkeypatch.setattr("recengine.warehouse.run_lock.LOOK_SECONDS", 0.02)
    threading.Timer(0.5, holder.send_signal, [signal.SIGKILL]).start()
    with caplog.at_level(logging.INFO, "recengine"), locked(home, "recengine train"):
        assert (home.root / ".turn").read_text().startswith("recengine train (process ")
    assert caplog.text.count("recengine train waits for the nightly run calm-owl") > 1, (
        "told once and then silent"
    )
    assert not (home.root / ".turn").exists()
