"""Fixtures for the tests of the engine: homes that are made once and copied for each test."""

from __future__ import annotations

from pathlib import Path

import engine_homes
import pytest

from recengine.config import Home
from recengine.dataset import Snapshot


@pytest.fixture(scope="session")
def loaded_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a small dataset in the warehouse and its snapshot; do not write to it."""
    home = Home.at(tmp_path_factory.mktemp("loaded") / "home")
    engine_homes.loaded(home)
    return home


@pytest.fixture(scope="session")
def snapshot_folder(loaded_home: Home) -> Path:
    """The snapshot of the loaded home."""
    [folder] = loaded_home.snapshots.iterdir()
    return folder


@pytest.fixture(scope="session")
def small(snapshot_folder: Path) -> Snapshot:
    """40 users with attributes, 60 movies, 1,000 ratings."""
    return Snapshot.load(snapshot_folder)


@pytest.fixture(scope="session")
def scored_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with scored tables, nothing published; do not write to it."""
    home = Home.at(tmp_path_factory.mktemp("scored") / "home")
    engine_homes.scored(home)
    return home


@pytest.fixture(scope="session")
def published_home(scored_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with one publication, to read from; do not write to it."""
    home = engine_homes.copy_of(scored_home, tmp_path_factory.mktemp("published") / "home")
    engine_homes.published(home)
    return home


@pytest.fixture
def home(scored_home: Home, tmp_path: Path) -> Home:
    """A home of the test's own with scored tables, nothing published."""
    return engine_homes.copy_of(scored_home, tmp_path / "home")
