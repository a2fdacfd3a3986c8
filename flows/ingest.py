"""Ingest: MovieLens files into the warehouse's core tables.

When: first step of the night, or by hand after new files arrived. Requires: a dataset by name (downloaded
or generated once) or a folder or zip that the worker can read.
"""

from __future__ import annotations

from prefect import flow, task

from flows import artifacts
from flows.common import RETRIED, alone, opened
from flows.notices import LOUD
from recengine import ingest as engine
from recengine.config import DatasetName, Home, IngestConfig
from recengine.ingest import LoadReport
from recengine.sources import locate


@task(name="ingest", **RETRIED)
def ingest_files(dataset: str, source: str | None, limits: IngestConfig) -> LoadReport:
    """Find the source and load what changed, in one transaction."""
    found = locate(Home.at(), dataset, source)
    with opened() as (_, con):
        report = engine.ingest(con, found, limits)
    artifacts.loaded(report)
    return report


@flow(name="ingest", **LOUD)
def ingest(
    dataset: DatasetName = "demo", source: str | None = None, limits: IngestConfig = IngestConfig()
) -> LoadReport:
    """Load a MovieLens dataset into the warehouse; unchanged files are not read again.

    Args:
        dataset: Which dataset: demo is generated on the spot, the others are downloaded once
        source: Folder or zip of your own instead, as the worker sees it
        limits: What the load accepts
    """
    with alone():
        return ingest_files(dataset, source, limits)
