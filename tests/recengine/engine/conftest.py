"""A Ray cluster of a head and two nodes, and a snapshot of nine shards."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_clusters import LOOPBACKS, Nodes, ended, listening, under

from recengine.config import Home


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    before = listening()
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    made = Nodes()
    outside = {address for address in listening() - before if address not in LOOPBACKS}
    try:
        yield made
    finally:
        family = under(os.getpid())
        made.close()
    assert outside == set()
    assert ended(family) == []


@pytest.fixture
def folder(home: Home) -> Path:
    """The home's snapshot, of nine shards."""
    [folder] = home.snapshots.iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"shard_ratings": 120}))
    return folder
