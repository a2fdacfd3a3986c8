"""The loads: what each one did (``ops.loads``)."""

from __future__ import annotations

import json
import logging
from datetime import datetime

import duckdb
from pydantic import BaseModel

from recengine.config import VERSION
from recengine.warehouse import sqlfiles

log = logging.getLogger(__name__)

_OF_THE_DATA = (
    "ratings",
    "movies",
    "users",
    "users_without_attributes",
    "repeated_ratings",
    "superseded_ratings",
    "quarantined",
    "scale",
    "scale_evidence",
)


class LoadReport(BaseModel):
    """What one load did. Counts are of the core tables after it."""

    load_id: str
    status: str
    dataset: str
    source: str
    layout: str
    input_fingerprint: str = ""
    seconds: float = 0.0
    files_read: int = 0
    files_unchanged: int = 0
    files_removed: int = 0
    rows_read: int = 0
    forgotten_rows: int = 0  # of users who asked to be forgotten, in the files read
    bytes_read: int = 0
    ratings: int = 0
    movies: int = 0
    users: int = 0
    users_without_attributes: int = 0
    repeated_ratings: int = 0
    superseded_ratings: int = 0
    quarantined: int = 0
    quarantined_by_reason: dict[str, int] = {}
    scale: str = ""
    scale_evidence: str = ""
    notes: list[str] = []  # which files were left out and why, and what they do not say


def fill_from_last_load(con: duckdb.DuckDBPyConnection, report: LoadReport) -> None:
    """The counts of the load that made the core tables what they are."""
    [row] = con.execute(
        f"SELECT {', '.join(_OF_THE_DATA)}, quarantined_by_reason FROM ops.loads "
        "WHERE status = 'loaded' ORDER BY started_at DESC LIMIT 1"
    ).fetchall()
    for name, value in zip(_OF_THE_DATA, row[:-1], strict=True):
        setattr(report, name, value)
    report.quarantined_by_reason = json.loads(row[-1])


def add(
    con: duckdb.DuckDBPyConnection, report: LoadReport, started_at: datetime, problem: str | None = None
) -> None:
    """Add a load, with its problem if it failed."""
    values = report.model_dump(exclude={"rows_read", "bytes_read", "forgotten_rows"})
    values["quarantined_by_reason"] = json.dumps(report.quarantined_by_reason)
    values |= {"started_at": started_at, "problem": problem, "recengine_version": VERSION}
    names = ", ".join(values)
    marks = ", ".join(f"${name}" for name in values)
    con.execute(f"INSERT INTO ops.loads ({names}) VALUES ({marks})", values)


def log_line(report: LoadReport) -> None:
    """One line for the log: what was loaded, and how long it took."""
    for note in report.notes:
        log.warning("ingest: %s", note)
    log.info(
        "ingest: %s %s, %s ratings, %s users, %s movies; %s rows read, %s quarantined, %.1f MB in %.2f s",
        report.dataset,
        report.status,
        f"{report.ratings:,}",
        f"{report.users:,}",
        f"{report.movies:,}",
        f"{report.rows_read:,}",
        f"{report.quarantined:,}",
        report.bytes_read / 1e6,
        report.seconds,
    )
    if report.forgotten_rows:
        log.info("ingest: %s rows of forgotten users left out", f"{report.forgotten_rows:,}")


def last_source(con: duckdb.DuckDBPyConnection, dataset: str | None = None) -> tuple[str, str] | None:
    """Dataset and source of the last load that did not fail, of one dataset if it is named; None without any."""
    rows = sqlfiles.run(con, "history/last_source", {"dataset": dataset}).fetchall()
    return rows[0] if rows else None


def last_count(con: duckdb.DuckDBPyConnection, dataset: str) -> int:
    """How many ratings the last load of a dataset that did not fail counted; 0 without any."""
    query = "SELECT coalesce(arg_max(ratings, started_at), 0) FROM ops.loads WHERE dataset = ? AND status <> 'failed'"
    [(ratings,)] = con.execute(query, [dataset]).fetchall()
    return int(ratings)


def source_of(con: duckdb.DuckDBPyConnection, input_fingerprint: str | None) -> str | None:
    """Source of the last load that gave a fingerprint and did not fail; None without any."""
    query = (
        "SELECT arg_max(source, started_at) FROM ops.loads WHERE input_fingerprint = ? AND status <> 'failed'"
    )
    [(source,)] = con.execute(query, [input_fingerprint]).fetchall()
    return None if source is None else str(source)


def prune(con: duckdb.DuckDBPyConnection, days: int) -> int:
    """Remove entries older than some days; how many."""
    old = "started_at < now() AT TIME ZONE 'UTC' - to_days(?::INTEGER)"
    [(removed,)] = con.execute(f"DELETE FROM ops.loads WHERE {old}", [days]).fetchall()
    return int(removed)
