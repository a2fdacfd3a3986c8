"""One Prefect server for all flow tests, and a fresh home for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness
from small_releases import popularity_wins

import flows
from recengine.config import Home
from recengine.synthetic.generator import GeneratorConfig, generate


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    """A Prefect server of our own; without heartbeats each flow run ends a second earlier."""
    assert flows.__doc__
    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@pytest.fixture
def client(server: None) -> Iterator[SyncPrefectClient]:
    """A client of the server."""
    with get_client(sync_client=True) as found:
        yield found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A fresh home that the flows will use."""
    monkeypatch.setenv("RECENGINE_HOME", str(tmp_path / "home"))
    return Home.at()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small generated release with demographics, layout ml-1m."""
    folder = tmp_path_factory.mktemp("sources") / "small-demo"
    generate(folder, GeneratorConfig(users=150, movies=120, ratings=6000, seed=1))
    return folder


@pytest.fixture(scope="session")
def hits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release on which nothing beats popularity, with hostile titles in a folder of a hostile name."""
    return popularity_wins(tmp_path_factory.mktemp("sources") / "hits | <b>of *all* `times`")
