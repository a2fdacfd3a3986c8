"""Rollback: readers see an earlier publication again.

When: by hand, after a publication that should not have been. Requires: an earlier version that is kept.
"""

from __future__ import annotations

from typing import Any

from prefect import flow, task

from flows import artifacts, notices
from flows.common import RETRIED, alone, opened
from flows.kept import kept
from flows.notices import LOUD
from flows.wanted import still_wanted
from recengine import publish as engine
from recengine.config import Home
from recengine.versions import current_version


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
