"""The history of publications (``ops.publications``), true also of those that were killed.

A publication is noted as ``publishing`` before readers' link moves and as ``published`` after it. ``settle`` says
what became of one that was killed between the two, and records versions whose entry was lost (``found``), so that
a rollback knows every version that readers can have seen, and no other.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Any

import duckdb

from recengine.config import Home
from recengine.errors import Damaged
from recengine.models import store
from recengine.serving.versions import STAMP, current_version, path_of, remove, versions
from recengine.warehouse.connection import published

log = logging.getLogger(__name__)

About = tuple[str, str | None, str | None]


def remember(
    con: duckdb.DuckDBPyConnection,
    action: str,
    version: str | None,
    about: About,
    reason: str,
    metrics: dict[str, Any],
    request: str = "{}",
    *,
    at: datetime | None = None,
) -> None:
    """Add what happened, now unless said; ``about`` is (dataset, model id, input fingerprint)."""
    con.execute(
        "INSERT INTO ops.publications VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [version, action, *about, request, reason, json.dumps(metrics), at or store.now()],
    )


def readers_see(con: duckdb.DuckDBPyConnection, version: str) -> None:
    """The publication that was noted as ``publishing`` is what readers see."""
    con.execute(
        "UPDATE ops.publications SET action = 'published' WHERE action = 'publishing' AND version = ?",
        [version],
    )


def settle(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Make the history say what became of publications that were killed; the caller must be the only publisher.

    A version that readers see was published; one that they never saw is removed. Versions on disk without an entry
    (of an earlier release's kill, or of a warehouse made anew) are recorded from their files.
    """
    current = current_version(home)
    begun = con.execute("SELECT version FROM ops.publications WHERE action = 'publishing'").fetchall()
    for (version,) in begun:
        if version == current:
            readers_see(con, version)
            continue
        log.info("publish: version %s was given up before anyone saw it, and is removed", version)
        remove(path_of(home, version))
        con.execute("DELETE FROM ops.publications WHERE action = 'publishing' AND version = ?", [version])
    known = {version for (version,) in con.execute("SELECT version FROM ops.publications").fetchall()}
    for version in versions(home):
        if version not in known:
            _record_from_file(con, home, version)


def _record_from_file(con: duckdb.DuckDBPyConnection, home: Home, version: str) -> None:
    try:
        with published(path_of(home, version)) as file:
            [(*about, metrics)] = file.execute(
                "SELECT dataset, model_id, input_fingerprint, metrics FROM publication"
            ).fetchall()
    except (duckdb.Error, Damaged) as error:
        log.warning("publish: version %s cannot be read, so its entry stays lost (%s)", version, error)
        return
    at = datetime.strptime(f"{version}Z", f"{STAMP}%z").replace(tzinfo=None)
    reason = "recorded from its file: its entry was lost"
    remember(con, "found", version, (about[0], about[1], about[2]), reason, json.loads(metrics), at=at)
