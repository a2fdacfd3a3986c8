"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder with the real datasets, from RECENGINE_DATASETS; skips where it is unset."""
    folder = os.environ.get("RECENGINE_DATASETS")
    if not folder:
        pytest.skip("RECENGINE_DATASETS is not set: it names the folder with ml-100k and ml-latest-small")
    return Path(folder)
