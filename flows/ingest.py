"""Ingest: MovieLens files into the warehouse's core tables.

When: first step of the night, or by hand after new files arrived. Requires: a dataset by name (downloaded
or generated once) or a folder or zip that the worker can read.
"""

from __future__ import annotations

from typing import Any

from prefect import flow, task

from flows.support import artifacts
from flows.support.alerts import LOUD
from flows.support.kept import BY_WHAT_IS_PUBLISHED, kept
from flows.support.tasks import RETRIED, alone, opened
from recengine import ingest as engine
from recengine.config import Home, NightDataset
from recengine.ingest import IngestConfig, LoadReport
from recengine.movielens.locating import locate
from recengine.serving import continuity as standing
from recengine.serving.continuity import Night, named


def _still_loaded(report: LoadReport, given: dict[str, Any]) -> bool:
    found = locate(Home.at(), given["dataset"], given["source"])
    with opened() as (_, con):
        return engine.is_loaded(con, found, given["limits"])


@task(name="ingest", **kept(_still_loaded, by=BY_WHAT_IS_PUBLISHED), **RETRIED)
def ingest_files(dataset: str | None, source: str | None, limits: IngestConfig, force: bool) -> LoadReport:
    """Find the source and load what changed, in one transaction; what is to be published is no other dataset."""
    if source is None:  # before anything is downloaded
        standing.refuse_to_replace(Home.at(), dataset or "demo", force=force)
    found = locate(Home.at(), dataset, source)
    standing.refuse_to_replace(Home.at(), found.dataset, force=force)
    with opened() as (home, con):
        report = engine.ingest(con, found, limits)
        standing.refuse_other_movies(con, home, force=force)
    artifacts.loaded(report)
    return report


@flow(name="ingest", **LOUD)
def ingest(
    dataset: NightDataset = "published", source: str | None = None, limits: IngestConfig = IngestConfig()
) -> LoadReport:
    """Load a MovieLens dataset into the warehouse; unchanged files are not read again.

    Args:
        dataset: demo is generated on the spot, releases are downloaded once; published goes on with what is published
        source: Folder or zip of your own instead, as the worker sees it
        limits: What the load accepts
    """
    with alone():
        with opened() as (home, con):
            night = standing.going_on(con, home, Night(dataset=named(dataset), source=source, limits=limits))
        return ingest_files(night.dataset, night.source, night.limits, True)  # nothing is published by it
