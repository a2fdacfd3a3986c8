"""A small disk of its own for tests, and a way to fill it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A tmpfs mounted on a folder; skips where that is not permitted."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not permitted here; as root on Linux a full disk is tested")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def fill(disk: Path, free_kb: int) -> Iterator[None]:
    """Leave so many KB free meanwhile."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        about = os.statvfs(disk)
        os.posix_fallocate(file.fileno(), 0, about.f_bavail * about.f_frsize - free_kb * 1024)
    try:
        yield
    finally:
        filler.unlink()
