"""A server and a place to download to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from http_shelf import NAME, Shelf, serving

from recengine.movielens import fetch


@pytest.fixture
def shelf(monkeypatch) -> Iterator[Shelf]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetch, "FIRST_WAIT_SECONDS", 0.01)
    with serving() as made:
        yield made


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "home" / "sources" / NAME
