"""The real data as snapshots and splits, read through the product's own ingest."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.evaluation.runner import EvaluateConfig, read_snapshot, read_split
from recengine.evaluation.splits import Split

NAMES = ("ml-100k", "ml-latest-small", "movietweetings-100k")


def datasets() -> Path:
    """The folder that holds the folders ``NAMES`` (``RECENGINE_DATASETS``)."""
    folder = os.environ.get("RECENGINE_DATASETS")
    if not folder:
        sys.exit(f"Set RECENGINE_DATASETS to the folder that holds {', '.join(NAMES)}.")
    return Path(folder)


def snapshot_of(name: str) -> Snapshot:
    """A dataset as a snapshot in memory."""
    return read_snapshot(_home(), EvaluateConfig(source=datasets() / name))


def canonical_split(number: int) -> Split:
    """ml-100k's own split u<number>.base / u<number>.test."""
    folder = datasets() / "ml-100k"
    config = EvaluateConfig(
        source=folder,
        protocol="files",
        train=folder / f"u{number}.base",
        test=folder / f"u{number}.test",
    )
    return read_split(_home(), config)


def _home() -> Home:
    return Home.at(os.environ.get("RECENGINE_HOME", "data"))
