"""Where compiled loops are kept: no place for them stops nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import recengine.models.kernels.compiled

ASK = """
import numba
from compiled import COMPILED, _KEPT
@COMPILED
def twice(number):
    return 2 * number
print(twice(21), _KEPT, numba.config.CACHE_DIR)
"""


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A folder with the module, where nothing can be written: a file stands where the cache would be."""
    folder = tmp_path / "sealed"
    folder.mkdir()
    shutil.copy(recengine.models.kernels.compiled.__file__, folder)
    (folder / "asks.py").write_text(ASK)
    (folder / "__pycache__").write_text("")
    return folder


def asked(folder: Path, **environment: str) -> str:
    """What a process says that has nowhere else to write."""
    blocked = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/cache", "NUMBA_CACHE_DIR": ""}
    command = [sys.executable, "-B", "-c", "import asks"]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | blocked | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_in_the_home_where_nobody_may_write_beside_the_source(sealed: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert asked(sealed, RECENGINE_HOME=str(home)) == f"42 True {home}/cache/numba"
    assert list((home / "cache" / "numba").rglob("*.nbi"))
    assert (home / "cache" / "numba").stat().st_mode & 0o077 == 0


def test_nowhere_at_all(sealed: Path) -> None:
    assert asked(sealed, RECENGINE_HOME="/dev/null/home").startswith("42 False")
