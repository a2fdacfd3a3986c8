"""A Ray cluster of a head and two nodes, and a snapshot of nine shards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_clusters import Nodes, standing

from recengine.config import Home


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    with standing(monkeypatch) as made:
        yield made


@pytest.fixture
def folder(home: Home) -> Path:
    """The home's snapshot, of nine shards."""
    [folder] = home.snapshots.iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"shard_ratings": 120}))
    return folder
