"""Fixtures for all tests."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

# Before anything imports Prefect: kept results and settings of the tests stay out of the user's own.
os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="recengine-tests-prefect-")
os.environ["PREFECT_PROFILES_PATH"] = f"{os.environ['PREFECT_HOME']}/profiles.toml"
os.environ.pop("PREFECT_API_URL", None)
# Small tensors: more threads only wait for each other. Child processes inherit it.
os.environ["OMP_NUM_THREADS"] = os.environ["RECENGINE_THREADS"] = "1"


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder with the real datasets, from RECENGINE_DATASETS; skips where it is unset."""
    folder = os.environ.get("RECENGINE_DATASETS")
    if not folder:
        pytest.skip("RECENGINE_DATASETS is not set: it names the folder with ml-100k and ml-latest-small")
    return Path(folder)
