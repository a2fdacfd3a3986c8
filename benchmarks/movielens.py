"""The real data as snapshots and splits, read through the product's own ingest."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from recengine.config import Home
from recengine.evaluation.runner import EvaluateConfig, read_split
from recengine.evaluation.splits import Split


def datasets() -> Path:
    """The folder that holds ml-100k and ml-latest-small (``RECENGINE_DATASETS``)."""
    folder = os.environ.get("RECENGINE_DATASETS")
    if not folder:
        sys.exit("Set RECENGINE_DATASETS to the folder that holds ml-100k and ml-latest-small.")
    return Path(folder)


def canonical_split(number: int) -> Split:
    """ml-100k's own split u<number>.base / u<number>.test."""
    folder = datasets() / "ml-100k"
    config = EvaluateConfig(
        source=folder,
        protocol="files",
        train=folder / f"u{number}.base",
        test=folder / f"u{number}.test",
    )
    return read_split(Home.at(os.environ.get("RECENGINE_HOME", "data")), config)
