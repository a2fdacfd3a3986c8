"""What was published, what was kept instead, and what was rolled back (``ops.publications``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import duckdb

from recengine.warehouse import sqlfiles


class Subject(NamedTuple):
    """What a decision was about."""

    dataset: str
    model_id: str | None
    input_fingerprint: str | None


def add(
    con: duckdb.DuckDBPyConnection,
    action: str,
    version: str | None,
    subject: Subject,
    reason: str,
    metrics: dict[str, Any],
    request: str = "{}",
    *,
    at: datetime | None = None,
) -> None:
    """Add a decision: publishing, published, found, kept or rolled back.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    action : str
        What was done.
    version : str or None
        The published version it is about, None where nothing was published.
    subject : Subject
        Dataset, model and input of the version.
    reason, metrics
        Why, in a sentence, and the figures it was decided by.
    request : str
        What was asked for, as JSON.
    at : datetime, optional
        When, in UTC without a zone; now by default.
    """
    con.execute(
        "INSERT INTO ops.publications VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            version,
            action,
            *subject,
            request,
            reason,
            json.dumps(metrics),
            at or datetime.now(UTC).replace(tzinfo=None),
        ],
    )


def unfinished(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Versions noted as ``publishing`` and not yet as ``published``."""
    rows = con.execute("SELECT version FROM ops.publications WHERE action = 'publishing'").fetchall()
    return [version for (version,) in rows]


def finish(con: duckdb.DuckDBPyConnection, version: str) -> None:
    """Readers see the version that was noted as ``publishing``."""
    where = "action = 'publishing' AND version = ?"
    con.execute(f"UPDATE ops.publications SET action = 'published' WHERE {where}", [version])


def give_up(con: duckdb.DuckDBPyConnection, version: str) -> None:
    """Drop the entry of a version that no reader has seen."""
    con.execute("DELETE FROM ops.publications WHERE action = 'publishing' AND version = ?", [version])


def recorded_versions(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Versions that have an entry."""
    rows = con.execute("SELECT DISTINCT version FROM ops.publications WHERE version IS NOT NULL").fetchall()
    return {version for (version,) in rows}


def models_of(con: duckdb.DuckDBPyConnection, versions: Sequence[str]) -> set[str]:
    """Ids of the models that these versions name."""
    query = "SELECT DISTINCT model_id FROM ops.publications WHERE list_contains(?::VARCHAR[], version)"
    return {model_id for (model_id,) in con.execute(query, [list(versions)]).fetchall()}


def prune(con: duckdb.DuckDBPyConnection, days: int, kept_versions: Sequence[str]) -> int:
    """Remove entries older than some days but those of kept versions, which a rollback needs; how many."""
    about = {"days": days, "kept": list(kept_versions)}
    [(removed,)] = sqlfiles.run(con, "history/prune_publications", about).fetchall()
    return int(removed)
