"""Rollback: readers see an earlier publication again.

When: by hand, after a publication that should not have been. Requires: an earlier version that is kept.
"""

from __future__ import annotations

from typing import Any

from prefect import flow, task

from flows.support import alerts as notices
from flows.support import artifacts
from flows.support.alerts import LOUD
from flows.support.kept import kept
from flows.support.tasks import RETRIED, alone, opened
from flows.support.wanted import still_wanted
from recengine import publish as engine
from recengine.config import Home
from recengine.serving.versions import current_version


def _still_current(version: str, given: dict[str, Any]) -> bool:
    return current_version(Home.at()) == version


@task(name="rollback", **kept(_still_current), **RETRIED)
def move_link(version: str | None) -> str:
    """Move the readers' link to an earlier version."""
    with opened() as (home, con):
        chosen = engine.rollback(con, home, version, confirm=still_wanted)
    artifacts.rolled_back(home, chosen)
    notices.rolled_back(chosen)
    return chosen


@flow(name="rollback", **LOUD)
def rollback(version: str | None = None) -> str:
    """Bring an earlier publication back; returns its version.

    Args:
        version: Which version; the one before the current when left out
    """
    with alone():
        return move_link((version or "").strip() or None)
