"""The history of publications, true also of those that were killed.

A publication is noted as ``publishing`` before readers' link moves and as ``published`` after it. ``settle`` says
what became of one that was killed between the two, and records versions whose entry was lost (``found``), so that
a rollback knows every version that readers can have seen, and no other.
"""

from __future__ import annotations

import logging
from datetime import datetime

import duckdb

from recengine.config import Home
from recengine.errors import Damaged
from recengine.outcomes import lists
from recengine.serving.versions import STAMP, current_version, path_of, publication_in, remove, versions
from recengine.warehouse.connection import published
from recengine.warehouse.history import publications as history

log = logging.getLogger(__name__)


def settle(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Make the history say what became of publications that were killed; the caller must be the only publisher.

    A version that readers see was published; one that they never saw is removed. Versions on disk without an entry
    (of an earlier release's kill, or of a warehouse made anew) are recorded from their files.
    """
    current = current_version(home)
    for version in history.unfinished(con):
        if version == current:
            history.finish(con, version)
            continue
        log.info("publish: version %s was given up before anyone saw it, and is removed", version)
        remove(path_of(home, version))
        lists.path_of(home, version).unlink(missing_ok=True)
        history.give_up(con, version)
    recorded = history.recorded_versions(con)
    for version in versions(home):
        if version not in recorded:
            _record_from_file(con, home, version)
    lists.complete(home, {version: path_of(home, version) for version in versions(home)})


def _record_from_file(con: duckdb.DuckDBPyConnection, home: Home, version: str) -> None:
    try:
        with published(path_of(home, version)) as readers:
            lost = publication_in(readers)
    except (duckdb.Error, Damaged) as error:
        log.warning("publish: version %s cannot be read, so its entry stays lost (%s)", version, error)
        return
    at = datetime.strptime(f"{version}Z", f"{STAMP}%z").replace(tzinfo=None)
    reason = "recorded from its file: its entry was lost"
    subject = history.Subject(lost.dataset, lost.model_id, lost.input_fingerprint)
    history.add(con, "found", version, subject, reason, lost.metrics, at=at)
