"""Rollback: readers see an earlier publication again.

When: by hand, after a publication that should not have been. Requires: an earlier version that is kept.
"""

from __future__ import annotations

from typing import Any

from prefect import flow, task

from flows.support import alerts, artifacts
from flows.support.alerts import ALERTING
from flows.support.cancellation import stop_if_cancelled
from flows.support.endings import ending
from flows.support.naming import run_name
from flows.support.result_cache import cached
from flows.support.tasks import RETRIED, open_warehouse, run_lock
from recengine import publish as engine
from recengine.config import Home
from recengine.serving.versions import current_version


def _still_current(version: str, parameters: dict[str, Any]) -> bool:
    return current_version(Home.at()) == version


@task(name="roll back", **cached(_still_current), **RETRIED)
def move_link(version: str | None) -> str:
    """Move the readers' link to an earlier version."""
    with open_warehouse() as (home, con):
        chosen = engine.rollback(con, home, version, confirm=stop_if_cancelled)
    artifacts.rolled_back(home, chosen)
    alerts.rolled_back(chosen)
    return chosen


@flow(name="rollback", flow_run_name=run_name, **ALERTING)
@ending
def rollback(version: str | None = None) -> str:
    """Bring an earlier publication back; returns its version.

    Args:
        version: Which version; the one before the current when left out
    """
    with run_lock():
        return move_link((version or "").strip() or None)
