"""Ingest: the source folder is the truth, and after a load the core tables say exactly what its files say.

One transaction per load. Files whose content is unchanged are not read again; files that changed or left
take their old rows with them. Rows that cannot be used go to ``ops.quarantine`` with file, line and reason.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from pydantic import BaseModel

from recengine import __version__
from recengine.config import IngestConfig
from recengine.errors import BadSource, RecengineError, TooManyBadRows
from recengine.movielens.files import FileLoad, load_file, quarantine_file
from recengine.movielens.layouts import Source
from recengine.movielens.reader import PARSER_VERSION, FileFacts, facts_of
from recengine.warehouse import sqlfiles

log = logging.getLogger(__name__)

# A clock may be a little ahead; a rating from the day after tomorrow is wrong.
FUTURE_SECONDS = 86_400


class LoadReport(BaseModel):
    """What one load did. Counts are of the core tables after it."""

    load_id: str
    status: str
    dataset: str
    source: str
    layout: str
    input_fingerprint: str
    seconds: float = 0.0
    files_read: int = 0
    files_unchanged: int = 0
    files_removed: int = 0
    rows_read: int = 0
    bytes_read: int = 0
    ratings: int = 0
    movies: int = 0
    users: int = 0
    users_without_attributes: int = 0
    repeated_ratings: int = 0
    superseded_ratings: int = 0
    quarantined: int = 0
    quarantined_by_reason: dict[str, int] = {}


def ingest(con: duckdb.DuckDBPyConnection, source: Source, config: IngestConfig) -> LoadReport:
    """Make the core tables say what the source's files say, in one transaction.

    Parameters
    ----------
    con : DuckDBPyConnection
        An open warehouse.
    source : Source
        A recognised MovieLens folder.
    config : IngestConfig
        Limits on bad rows and dates.

    Returns
    -------
    LoadReport
        Counts per kind; ``status`` is "unchanged" when every file is as it was.

    Raises
    ------
    TooManyBadRows, BadSource
        The load was refused; the previous data is as it was and ``ops.loads`` has a failed entry.
    """
    began, started_at = time.perf_counter(), datetime.now(UTC).replace(tzinfo=None)
    facts = {file.name: facts_of(file.path) for file in source.files}
    report = LoadReport(
        load_id=uuid.uuid4().hex[:12],
        status="loaded",
        dataset=source.dataset,
        source=str(source.folder),
        layout=source.layout.name,
        input_fingerprint=input_fingerprint(source, facts, config),
    )
    con.execute("BEGIN")
    try:
        if input_of(con) == report.input_fingerprint:
            report = _unchanged(con, report)
        else:
            report = _load(con, source, facts, config, report)
        report.seconds = time.perf_counter() - began
        _record(con, report, started_at)
        con.execute("COMMIT")
    except Exception as error:
        con.execute("ROLLBACK")
        if isinstance(error, RecengineError):
            failed = report.model_copy(update={"status": "failed", "seconds": time.perf_counter() - began})
            _record(con, failed, started_at, problem=str(error))
        raise
    _log(report)
    return report


def input_fingerprint(source: Source, facts: dict[str, FileFacts], config: IngestConfig) -> str:
    """Hash of everything the core tables depend on: dataset, layout, parser, and each file's content."""
    files = sorted((file.role, file.name, facts[file.name].sha256) for file in source.files)
    inputs = [source.dataset, _reading(source, config), files]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16]


def input_of(con: duckdb.DuckDBPyConnection) -> str | None:
    """The input fingerprint of what the core tables hold, None before the first load."""
    rows = con.execute("SELECT input_fingerprint FROM ops.dataset").fetchall()
    return rows[0][0] if rows else None


def _reading(source: Source, config: IngestConfig) -> str:
    scale = source.layout.scale
    return (
        f"{source.layout.name} {scale.low}-{scale.high}/{scale.step} {config.earliest_year} v{PARSER_VERSION}"
    )


def _load(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    facts: dict[str, FileFacts],
    config: IngestConfig,
    report: LoadReport,
) -> LoadReport:
    reading = _reading(source, config)
    _set_variables(con, source, config)
    known = dict(
        con.execute("SELECT name || sha256, file_id FROM ops.files WHERE reading = ?", [reading]).fetchall()
    )
    kept = {file.name: known.get(file.name + facts[file.name].sha256) for file in source.files}
    removed = _remove_all_but(con, [file_id for file_id in kept.values() if file_id is not None])
    with tempfile.TemporaryDirectory(prefix="recengine-ingest-") as scratch:
        loads: list[FileLoad] = []
        for file in source.files:
            if kept[file.name] is None:
                loads.append(load_file(con, file, source.layout, facts[file.name], reading, Path(scratch)))
                report.bytes_read += facts[file.name].bytes
        _build_core(con)
        metadata_changed = removed > 0 or any(load.file.role != "ratings" for load in loads)
        new = {load.file.name for load in loads}
        for file in source.files:
            if file.name in new or metadata_changed:
                quarantine_file(con, file, source.layout, Path(scratch))
    report.files_read, report.files_unchanged = len(loads), len(source.files) - len(loads)
    report.files_removed = removed
    report.rows_read = sum(load.rows for load in loads)
    _count(con, report)
    _check(con, report, config)
    _remember(con, source, report)
    return report


def _set_variables(con: duckdb.DuckDBPyConnection, source: Source, config: IngestConfig) -> None:
    scale = source.layout.scale
    values = {
        "scale_low": scale.low,
        "scale_high": scale.high,
        "scale_step": scale.step,
        "earliest": datetime(config.earliest_year, 1, 1, tzinfo=UTC).timestamp(),
        "latest": time.time() + FUTURE_SECONDS,
    }
    for name, value in values.items():
        con.execute(f"SET VARIABLE {name} = {float(value)}::DOUBLE")
    con.execute(sqlfiles.load("ingest/macros"))


def _remove_all_but(con: duckdb.DuckDBPyConnection, kept: list[int]) -> int:
    """Delete the rows of every file that changed or left; returns how many files that were."""
    gone = [
        row[0]
        for row in con.execute(
            "SELECT file_id FROM ops.files WHERE NOT list_contains(?::INTEGER[], file_id)", [kept]
        ).fetchall()
    ]
    if gone:
        for table in ("raw.ratings", "raw.movies", "raw.users", "ops.quarantine", "ops.files"):
            con.execute(f"DELETE FROM {table} WHERE list_contains(?::INTEGER[], file_id)", [gone])
    return len(gone)


def _build_core(con: duckdb.DuckDBPyConnection) -> None:
    for table in ("core_movies", "core_ratings", "core_users"):
        sqlfiles.run(con, f"ingest/{table}")


def _unchanged(con: duckdb.DuckDBPyConnection, report: LoadReport) -> LoadReport:
    report.status = "unchanged"
    row = con.execute("SELECT count(*) FROM ops.files").fetchone()
    report.files_unchanged = row[0] if row else 0
    _count(con, report)
    return report


def _count(con: duckdb.DuckDBPyConnection, report: LoadReport) -> None:
    row = sqlfiles.run(con, "ingest/counts").fetchone()
    assert row is not None
    fields = (
        "ratings",
        "movies",
        "users",
        "users_without_attributes",
        "repeated_ratings",
        "superseded_ratings",
        "quarantined",
    )
    for name, value in zip(fields, row, strict=True):
        setattr(report, name, int(value))
    report.quarantined_by_reason = dict(
        con.execute(
            "SELECT reason, count(*) FROM ops.quarantine GROUP BY reason ORDER BY 2 DESC, 1"
        ).fetchall()
    )


def _check(con: duckdb.DuckDBPyConnection, report: LoadReport, config: IngestConfig) -> None:
    row = con.execute("SELECT sum(rows)::BIGINT FROM ops.files").fetchone()
    total = row[0] if row else 0
    if report.quarantined > config.max_bad_share * total:
        first = con.execute(
            "SELECT file || coalesce(' line ' || line, '') || ': ' || left(coalesce(raw, ''), 80) "
            "FROM ops.quarantine ORDER BY file, line LIMIT 1"
        ).fetchone()
        raise TooManyBadRows(
            report.quarantined,
            total,
            config.max_bad_share,
            report.quarantined_by_reason,
            first[0] if first else "",
        )
    if report.ratings == 0:
        raise BadSource(report.source, "its ratings files hold no usable rating", "check the files")


def _remember(con: duckdb.DuckDBPyConnection, source: Source, report: LoadReport) -> None:
    scale = source.layout.scale
    con.execute("DELETE FROM ops.dataset")
    con.execute(
        "INSERT INTO ops.dataset VALUES (?, ?, ?, ?, ?, ?, now()::TIMESTAMP)",
        [source.dataset, source.layout.name, scale.low, scale.high, scale.step, report.input_fingerprint],
    )


def _record(
    con: duckdb.DuckDBPyConnection, report: LoadReport, started_at: datetime, problem: str | None = None
) -> None:
    values = report.model_dump(exclude={"rows_read", "bytes_read"})
    values["quarantined_by_reason"] = json.dumps(report.quarantined_by_reason)
    values |= {"started_at": started_at, "problem": problem, "recengine_version": __version__}
    names = ", ".join(values)
    marks = ", ".join(f"${name}" for name in values)
    con.execute(f"INSERT INTO ops.loads ({names}) VALUES ({marks})", values)


def _log(report: LoadReport) -> None:
    log.info(
        "ingest: %s %s, %s ratings of %s users and %s movies, %s rows read, %s quarantined, %.1f MB in %.2f s",
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
