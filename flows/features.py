"""Features: core tables into the matrices' long tables and a snapshot folder.

When: after ingest. Requires: an ingested dataset. Does nothing when the data is as it was.
"""

from __future__ import annotations

from prefect import flow, task

from flows.common import RETRIED, alone, opened
from flows.notices import LOUD
from recengine import features as engine
from recengine.features import FeatureReport


@task(name="features", **RETRIED)
def build_features(input_fingerprint: str) -> FeatureReport:
    """Build the feature tables in SQL and write the snapshot."""
    with opened() as (home, con):
        return engine.build(con, home)


@flow(name="features", **LOUD)
def features() -> FeatureReport:
    """Build the feature matrices of the ingested data."""
    with alone():
        return build_features("what the warehouse holds")
