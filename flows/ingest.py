"""Ingest: MovieLens files into the warehouse's core tables.

When: first step of the night, or by hand after new files arrived. Requires: a dataset by name (downloaded
or generated once) or a folder or zip that the worker can read.
"""

from __future__ import annotations

from typing import Any

from prefect import task

from flows.support import artifacts
from flows.support.form import form
from flows.support.progress import stage
from flows.support.result_cache import PER_PUBLICATION, cached
from flows.support.tasks import RETRIED, open_warehouse, run_lock
from recengine import ingest as engine
from recengine.config import Home, NightDataset
from recengine.knobs.sources import InForce
from recengine.knobs.stages import IngestConfig
from recengine.movielens.locating import locate
from recengine.serving import continuity
from recengine.serving.continuity import Night, named
from recengine.warehouse.history.loads import LoadReport


def _still_loaded(report: LoadReport, parameters: dict[str, Any]) -> bool:
    located = locate(Home.at(), parameters["dataset"], parameters["source"])
    with open_warehouse() as (_, con):
        return engine.is_loaded(con, located, parameters["limits"])


@task(name="ingest files", **cached(_still_loaded, key=PER_PUBLICATION), **RETRIED)
def ingest_files(dataset: str | None, source: str | None, limits: IngestConfig, force: bool) -> LoadReport:
    """Find the source and load what changed, in one transaction; what is to be published is no other dataset."""
    if source is None:  # before anything is downloaded
        continuity.refuse_to_replace(Home.at(), dataset or "demo", force=force)
    with stage("find the files"):
        located = locate(Home.at(), dataset, source)
    continuity.refuse_to_replace(Home.at(), located.dataset, force=force)
    with stage("ingest"), open_warehouse() as (home, con):
        report = engine.ingest(con, located, limits)
        continuity.refuse_other_movies(con, home, force=force)
    artifacts.loaded(report)
    return report


@form("ingest", "ingest")
def ingest(
    dataset: NightDataset = "published", source: str | None = None, *, in_force: InForce
) -> LoadReport:
    """Load a MovieLens dataset into the warehouse; unchanged files are not read again.

    Args:
        dataset: demo is generated on the spot, releases are downloaded once; published goes on with what is published
        source: Folder or zip of your own instead, as the worker sees it
    """
    asked = Night(dataset=named(dataset), source=source, limits=in_force.knobs.ingest)
    with run_lock():
        with open_warehouse() as (home, con):
            night = continuity.going_on(con, home, asked)
        return ingest_files(night.dataset, night.source, night.limits, True)  # nothing is published by it
