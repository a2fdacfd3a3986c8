"""Features: core tables into the matrices' long tables and a snapshot folder.

When: after ingest. Requires: an ingested dataset. Does nothing when the data is as it was.
"""

from __future__ import annotations

from typing import Any

from prefect import flow, task

from flows.support.alerts import ALERTING
from flows.support.endings import ending
from flows.support.naming import run_name
from flows.support.progress import stage
from flows.support.result_cache import cached
from flows.support.tasks import RETRIED, open_warehouse, run_lock
from recengine import features as engine
from recengine.features import FeatureReport


def _still_there(built: FeatureReport, parameters: dict[str, Any]) -> bool:
    with open_warehouse() as (_, con):
        return engine.fingerprint_of(con) == built.fingerprint and built.folder.is_dir()


@task(name="build features", **cached(_still_there), **RETRIED)
def build_features(input_fingerprint: str) -> FeatureReport:
    """Build the feature tables in SQL and write the snapshot."""
    with stage("features"), open_warehouse() as (home, con):
        return engine.build(con, home)


@flow(name="features", flow_run_name=run_name, **ALERTING)
@ending
def features() -> FeatureReport:
    """Build the feature matrices of the ingested data."""
    with run_lock():
        return build_features("what the warehouse holds")
