"""Publish: the scored tables become what readers see, in one step.

When: after score. Requires: scored tables of the data the warehouse holds.
"""

from __future__ import annotations

from typing import Any

from prefect import task

from flows.support import alerts, artifacts
from flows.support.blocks import offer_blocks
from flows.support.cancellation import stop_if_cancelled
from flows.support.choices import offer_versions
from flows.support.form import form
from flows.support.progress import stage
from flows.support.result_cache import cached
from flows.support.tasks import RETRIED, open_warehouse, run_lock
from recengine import publish as engine
from recengine.config import Home
from recengine.knobs.sources import InForce
from recengine.knobs.stages import PublishConfig
from recengine.publish import PublishReport
from recengine.serving.versions import current_version


def _still_published(report: PublishReport, parameters: dict[str, Any]) -> bool:
    return current_version(Home.at()) == report.version


@task(name="publish tables", **cached(_still_published), **RETRIED)
def publish_tables(
    model_id: str, config: PublishConfig, reason: str, request: str, force: bool
) -> PublishReport:
    """Build a fresh file, audit it, move the link."""
    offer_blocks()
    with stage("publish"), open_warehouse() as (home, con):
        report = engine.publish(
            con, home, config, reason=reason, request=request, force=force, confirm=stop_if_cancelled
        )
    artifacts.published(home, report, reason)
    alerts.published(report, reason)
    offer_versions(Home.at())
    return report


@form(
    "publish",
    "publish.keep_versions",
    "publish.popular_rows",
    "publish.popular_prior_users",
    "publish.ratings",
    "publish.exports",
    "publish.guard",
)
def publish(*, in_force: InForce, force: bool = False) -> PublishReport:
    """Publish the scored tables.

    Args:
        force: Publish although the new lists look broken next to the published ones
    """
    with run_lock():
        return publish_tables("what is scored", in_force.knobs.publish, "asked for", "{}", force)
