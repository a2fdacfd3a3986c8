"""Publish: scored tables -> a fresh, audited, read-only file -> one atomic move of the link readers open.

Readers hold ``serving.duckdb``, a link to ``serving/serving-<version>.duckdb``. They never meet the writer:
the new file is built beside the old ones and the link changes in one rename. A kill at any moment leaves the
old link and at most a file named ``building-*``, which the next publication removes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from pydantic import BaseModel

from recengine.config import Home
from recengine.errors import BadInput, NotReady
from recengine.knobs.stages import PublishConfig
from recengine.models import store
from recengine.outcomes import hits, lists, trend
from recengine.runtime import access
from recengine.runtime.durable import move
from recengine.runtime.near import choose
from recengine.selection.guard import guard_tables
from recengine.serving import publications
from recengine.serving.exports import export
from recengine.serving.tables import EARLIER, audit, write_tables
from recengine.serving.versions import (
    SIDE_FILES,
    STORAGE_VERSION,
    current_publication,
    current_version,
    new_version,
    only_publisher,
    path_of,
    point_to,
    prune,
    publication_in,
    versions,
)
from recengine.warehouse.connection import damage_told, fresh_database, published
from recengine.warehouse.history import publications as history
from recengine.warehouse.sqlfiles import path_literal

log = logging.getLogger(__name__)


class PublishReport(BaseModel):
    """What readers now see."""

    version: str
    path: Path
    dataset: str
    model_id: str
    top_n: int
    users: int
    recommendations: int
    megabytes: float
    seconds: float
    removed_versions: list[str] = []
    guard: dict[str, float] = {}
    unusual: str = ""  # what the live hit rate says, where it is unlike before
    failed_exports: dict[str, str] = {}


def publish(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    config: PublishConfig | None = None,
    *,
    reason: str = "asked for",
    request: str = "{}",
    force: bool = False,
    confirm: Callable[[], None] = lambda: None,
) -> PublishReport:
    """Publish what is in ``scores.*``.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse with scored tables.
    home : Home
        Where ``serving.duckdb`` lies.
    config : PublishConfig, optional
        Retention.
    reason : str
        Why, for ``ops.publications``.
    request : str
        What was asked for, as JSON: the same request on the same data need not run again.
    force : bool
        Publish although the guard objects; audits cannot be forced.
    confirm : callable
        Called when all is ready, right before the link moves; what it raises ends the publication.

    Raises
    ------
    NotReady
        Nothing has been scored.
    AuditFailed
        An audit found a bad row; the link still points where it did.
    GuardFailed
        The new lists look broken next to the published ones; the link still points where it did.
    """
    began = time.perf_counter()
    config = config or PublishConfig()
    subject, top_n = _scored(con)
    with only_publisher(home):
        unusual = look_back(con, home, subject.dataset)
        figures = guard_tables(con, home, config.guard, force=force)
        version = new_version(home)
        building = home.serving / f"building-{version}.duckdb"
        metrics = store.manifest_of(home, str(subject.model_id)).figures
        users, rows = _build(con, home, building, version, metrics, config, reason)
        confirm()
        history.add(con, "publishing", version, subject, reason, metrics, request)
        path = _show(con, home, building, version)
        removed = prune(home, config.keep_versions)
    report = PublishReport(
        version=version,
        path=path,
        dataset=subject.dataset,
        model_id=str(subject.model_id),
        top_n=top_n,
        users=users,
        recommendations=rows,
        megabytes=path.stat().st_size / 1e6,
        seconds=time.perf_counter() - began,
        removed_versions=removed,
        guard=figures,
        unusual=unusual,
    )
    _log_line(report)
    return report.model_copy(update={"failed_exports": export(home, path, config.exports)})


def look_back(con: duckdb.DuckDBPyConnection, home: Home, dataset: str) -> str:
    """Note which publications readers saw and what came of their lists; says where the live hit rate stands out.

    The caller is the only publisher.
    """
    publications.settle(con, home)
    said = trend.unusual(con, dataset, hits.count(con, home, dataset))
    if said:
        log.warning("outcomes: %s", said)
    return said


def _show(con: duckdb.DuckDBPyConnection, home: Home, building: Path, version: str) -> Path:
    """Give the built file its name and move the link that readers open."""
    path = _name(building, path_of(home, version))
    lists.keep(home, version, path)
    access.share(home.root)
    point_to(home, version)
    history.finish(con, version)
    return path


def rollback(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    version: str | None = None,
    *,
    confirm: Callable[[], None] = lambda: None,
) -> str:
    """Point readers at an earlier version; returns it. ``confirm`` is called right before the link moves.

    Raises
    ------
    NotReady
        Nothing is published, or nothing older is kept.
    Damaged
        The version's file is not what was written; readers see what they saw.
    BadInput
        No such version is kept; the sentence lists those that are.
    """
    with only_publisher(home):
        publications.settle(con, home)
        kept, current = versions(home), current_version(home)
        if current is None:
            raise NotReady("Nothing is published yet", "run `recengine run` first")
        older = [other for other in kept if other < current]
        if version is None:
            if not older:
                raise NotReady(f"No version older than {current} is kept", "there is nothing to roll back to")
            version = older[-1]
        if version not in kept:
            raise BadInput(f"There is no version {version!r}; {choose(version, kept)}")
        with published(path_of(home, version)) as readers:
            earlier = publication_in(readers)
        confirm()
        point_to(home, version)
        subject = history.Subject(earlier.dataset, earlier.model_id, earlier.input_fingerprint)
        history.add(con, "rolled back", version, subject, f"rolled back from {current}", {})
    log.info("rollback: readers see version %s again", version)
    return version


def _scored(con: duckdb.DuckDBPyConnection) -> tuple[history.Subject, int]:
    """What the tables in ``scores.*`` are about, and how many recommendations a user has there."""
    origin = con.execute("SELECT dataset, model_id, input_fingerprint, top_n FROM scores.origin").fetchall()
    if not origin:
        raise NotReady("Nothing has been scored yet", "run `recengine score` first")
    [(*about, top_n)] = origin
    return history.Subject(*about), top_n


def _build(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    building: Path,
    version: str,
    metrics: dict[str, Any],
    config: PublishConfig,
    reason: str,
) -> tuple[int, int]:
    """Write, audit and seal the new file; returns its users and recommendation rows."""
    fresh = fresh_database(con, building, "published", storage_version=STORAGE_VERSION)
    with fresh, _earlier(con, home) as before:
        write_tables(con, version, metrics, config, reason=reason, before=before)
        audit(con)
        [counts] = con.execute("SELECT users, recommendations FROM published.publication").fetchall()
    _seal(building)
    return counts


@contextmanager
def _earlier(con: duckdb.DuckDBPyConnection, home: Home) -> Iterator[str | None]:
    """Attach what readers see, if it is of the scored dataset; its version."""
    seen, (subject, _) = current_publication(home), _scored(con)
    if seen is None or seen.dataset != subject.dataset:
        yield None
        return
    version = current_version(home) or seen.version  # what the link says, also where the file says another
    path = path_of(home, version)
    with damage_told(path):
        con.execute(f"ATTACH {path_literal(path)} AS {EARLIER} (READ_ONLY)")
        try:
            yield version
        finally:
            con.execute(f"DETACH {EARLIER}")


def _seal(building: Path) -> None:
    """Read-only, and whole."""
    leftovers = [name for suffix in SIDE_FILES if (name := Path(f"{building}{suffix}")).exists()]
    if leftovers:
        raise RuntimeError(f"{building} was not checkpointed: {', '.join(map(str, leftovers))} remain")
    building.chmod(0o444)


def _name(building: Path, path: Path) -> Path:
    """Under its final name, for good."""
    move(building, path)
    return path


def _log_line(report: PublishReport) -> None:
    log.info(
        "publish: version %s, %s rows for %s users, %.1f MB in %.2f s",
        report.version,
        f"{report.recommendations:,}",
        f"{report.users:,}",
        report.megabytes,
        report.seconds,
    )
