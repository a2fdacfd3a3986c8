"""One ``recengine serve`` for the tests that leave it running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served, serving

from recengine.synthetic.generator import GeneratorConfig, generate


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small generated release."""
    folder = tmp_path_factory.mktemp("served-sources") / "small-demo"
    generate(folder, GeneratorConfig(users=150, movies=120, ratings=6000, seed=1))
    return folder


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One ``recengine serve`` for the tests that leave it running."""
    with serving(tmp_path_factory.mktemp("served") / "home") as running:
        yield running
