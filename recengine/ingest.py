"""Ingest: the source folder is the truth, and after a load the core tables say exactly what its files say.

One transaction per load. Files whose content is unchanged are not read again; files that changed or left
take their old rows with them. Rows that cannot be used go to ``ops.quarantine`` with file, line and reason.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from pydantic import Field, field_validator

from recengine.config import StageConfig
from recengine.errors import BadInput, BadSource, RecengineError, TooManyBadRows, legible
from recengine.movielens import scaling
from recengine.movielens.accounts import check_ratings_add_up
from recengine.movielens.facts import FileFacts, facts_of, stamp_of
from recengine.movielens.files import load_file, quarantine_left_out
from recengine.movielens.layouts import Source
from recengine.movielens.reader import PARSER_VERSION, reading_of, refuse_mixed
from recengine.movielens.scale import PATTERN, parse
from recengine.warehouse import forgotten, sqlfiles
from recengine.warehouse.history import LoadReport, fill_from_last_load, log_line, record

# A clock may be a little ahead; a rating from the day after tomorrow is wrong.
FUTURE_SECONDS = 86_400


class IngestConfig(StageConfig):
    """How source files are read into the warehouse."""

    max_bad_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Largest share of unusable rows a load accepts; with more, the previous data stays",
        json_schema_extra={"position": 0},
    )
    earliest_year: int = Field(
        1990,
        ge=1970,
        le=2100,
        description="Ratings dated before this year are quarantined as absurd (MovieLens began in 1995)",
        json_schema_extra={"position": 1},
    )
    scale: str = Field(
        "",
        pattern=rf"^({PATTERN})?$",
        description="The ratings' scale as low-high/step, such as 0-10/1, or implicit for data without ratings; "
        "left empty, it is as dataset.toml says, else found from all ratings",
        json_schema_extra={"position": 2},
    )

    @field_validator("scale")
    @classmethod
    def _is_a_scale(cls, text: str) -> str:
        try:
            if text:
                parse(text)
        except BadInput as error:
            raise ValueError(str(error).rstrip(".")) from error
        return text


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
    report = LoadReport(
        load_id=uuid.uuid4().hex[:12],
        status="loaded",
        dataset=source.dataset,
        source=legible(source.folder),
        layout=source.layout.name,
        notes=list(source.notes),
    )
    con.execute("BEGIN")
    try:
        facts = {file.name: facts_of(file.path) for file in source.files}
        report.input_fingerprint = forgotten.fingerprint(con, input_fingerprint(source, facts, config))
        if input_of(con) == report.input_fingerprint:
            report.status, report.files_unchanged = "unchanged", len(source.files)
            fill_from_last_load(con, report)
        else:
            _load(con, source, facts, config, report)
        report.seconds = time.perf_counter() - began
        record(con, report, started_at)
        con.execute("COMMIT")
    except Exception as error:
        con.execute("ROLLBACK")
        report.status, report.seconds = "failed", time.perf_counter() - began
        known = isinstance(error, RecengineError)
        record(con, report, started_at, str(error) if known else f"{type(error).__name__}: {error}")
        raise
    log_line(report)
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


def is_loaded(con: duckdb.DuckDBPyConnection, source: Source, config: IngestConfig) -> bool:
    """Whether the core tables say what the source's files say now: a load would change nothing."""
    facts = {file.name: facts_of(file.path) for file in source.files}
    return input_of(con) == input_fingerprint(source, facts, config)


def _reading(source: Source, config: IngestConfig) -> str:
    said = source.description.model_dump_json(exclude={"name"}) if source.description else ""
    described = hashlib.sha256(said.encode()).hexdigest()[:12] if said else "no description"
    return (
        f"{source.layout.name} {scaling.reading_key(source, config.scale)} {config.earliest_year} "
        f"v{PARSER_VERSION} {described}"
    )


def _load(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    facts: dict[str, FileFacts],
    config: IngestConfig,
    report: LoadReport,
) -> None:
    reading = _reading(source, config)
    _set_variables(con, source, config)
    known = dict(
        con.execute("SELECT name || sha256, file_id FROM ops.files WHERE reading = ?", [reading]).fetchall()
    )
    kept = {file.name: known.get(file.name + facts[file.name].sha256) for file in source.files}
    removed_roles = _remove_all_but(con, [file_id for file_id in kept.values() if file_id is not None])
    with tempfile.TemporaryDirectory(prefix="recengine-ingest-") as scratch:
        loads = [
            load_file(con, file, source.layout, facts[file.name], reading, Path(scratch))
            # the large ones first: they tell what the ids of a few lines are
            for file in sorted(source.files, key=lambda file: -facts[file.name].bytes)
            if kept[file.name] is None
        ]
        report.forgotten_rows = forgotten.leave_out(con)
        _build_core(con, source, config, report)
        metadata_changed = {"movies", "users"} & {*removed_roles, *(load.file.role for load in loads)}
        new_ids = {load.file.name: load.file_id for load in loads}
        every_id = new_ids | {name: file_id for name, file_id in kept.items() if file_id is not None}
        everything = metadata_changed or scaling.changes(con, report.scale)
        _quarantine_left_out(con, source, facts, every_id if everything else new_ids, Path(scratch))
    report.files_read, report.files_unchanged = len(loads), len(source.files) - len(loads)
    report.files_removed = len(removed_roles)
    report.rows_read = sum(load.rows for load in loads)
    report.bytes_read = sum(facts[load.file.name].bytes for load in loads)
    report.notes += [note for load in loads for note in load.notes]
    _count(con, report)
    _check(con, report, config)
    _check_still(source, facts)
    _remember(con, source, config, report)


def _quarantine_left_out(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    facts: dict[str, FileFacts],
    file_ids: dict[str, int],
    scratch: Path,
) -> None:
    """Quarantine anew, for these files, the lines that other lines or files rule out; count all bad rows."""
    con.execute(
        "DELETE FROM ops.quarantine WHERE list_contains(?::INTEGER[], file_id) "
        "AND reason IN ('unknown movie', 'duplicate movie', 'duplicate user', 'rating outside the scale', "
        "'rating not on the star grid')",
        [list(file_ids.values())],
    )
    query = "SELECT DISTINCT file_id FROM raw.left_out WHERE reason NOT IN ('repeated', 'superseded')"
    concerned = {row[0] for row in con.execute(query).fetchall()}
    for file in source.files:
        if file_ids.get(file.name) in concerned:
            quarantine_left_out(con, file, source.layout, facts[file.name], file_ids[file.name], scratch)
    con.execute(
        "UPDATE ops.files SET bad_rows = "
        "(SELECT count(*) FROM ops.quarantine WHERE quarantine.file_id = files.file_id)"
    )


def _set_variables(con: duckdb.DuckDBPyConnection, source: Source, config: IngestConfig) -> None:
    values = {
        "earliest": datetime(config.earliest_year, 1, 1, tzinfo=UTC).timestamp(),
        "latest": time.time() + FUTURE_SECONDS,
    }
    for name, value in values.items():
        con.execute(f"SET VARIABLE {name} = {float(value)}::DOUBLE")
    scaling.begin(con, source, config.scale)
    con.execute(sqlfiles.load("ingest/macros"))


def _remove_all_but(con: duckdb.DuckDBPyConnection, kept: list[int]) -> list[str]:
    """Delete the rows of every file that changed or left; returns the roles of those files."""
    gone = con.execute(
        "SELECT file_id, role FROM ops.files WHERE NOT list_contains(?::INTEGER[], file_id)", [kept]
    ).fetchall()
    if gone:
        for table in (
            "raw.movies",
            "raw.users",
            "raw.movie_keys",
            "raw.user_keys",
            "ops.quarantine",
            "ops.files",
        ):
            con.execute(
                f"DELETE FROM {table} WHERE list_contains(?::INTEGER[], file_id)", [[row[0] for row in gone]]
            )
    for file_id in [0, *(row[0] for row in gone if row[1] == "ratings")]:
        con.execute(f"DROP TABLE IF EXISTS raw.ratings_{file_id}")
    return [row[1] for row in gone]


def _build_core(
    con: duckdb.DuckDBPyConnection, source: Source, config: IngestConfig, report: LoadReport
) -> None:
    """``core.ratings`` is a view: all ratings but those that ``raw.left_out`` names."""
    files = con.execute(
        "SELECT file_id, name FROM ops.files WHERE role = 'ratings' ORDER BY rows DESC, file_id"
    ).fetchall()
    _join_ratings(con, source, {name: file_id for file_id, name in files})
    found, some_off_scale = scaling.decide(con, source, config.scale)
    report.scale, report.scale_evidence = str(found), found.evidence
    some_described = any(file.role == "movies" for file in source.files)
    sqlfiles.run(con, "ingest/core_movies" if some_described else "ingest/core_movies_by_id")
    con.execute("DELETE FROM raw.left_out")
    sqlfiles.run(con, "ingest/left_out", some_off_scale=str(some_off_scale).lower())
    largest = files[0][0]
    if _one(sqlfiles.run(con, "ingest/ascending", {"file_id": largest})):
        # Of a pair that occurs twice, one rating is then in another file.
        suspects = f"SELECT user_id, movie_id FROM raw.ratings WHERE file_id <> {largest}"
    else:
        suspects = "SELECT user_id, movie_id FROM raw.ratings GROUP BY ALL HAVING count(*) > 1"
    sqlfiles.run(con, "ingest/rated_again", suspects=suspects)
    some = _one(
        con.execute("SELECT count(*) FROM raw.left_out JOIN ops.files USING (file_id) WHERE role = 'ratings'")
    )
    left_out = "ANTI JOIN raw.left_out USING (file_id, line)" if some else ""
    rating = "rating" if found.scale else "1::FLOAT"
    sqlfiles.run(con, "ingest/core_ratings", left_out=left_out, rating=rating)
    sqlfiles.run(con, "ingest/core_users")


def _join_ratings(con: duckdb.DuckDBPyConnection, source: Source, file_ids: dict[str, int]) -> None:
    ratings = [file for file in source.files if file.role == "ratings"]
    readings = {file.name: reading_of(file, source.layout) for file in ratings}
    refuse_mixed(readings)
    parts = []
    for name, reading in readings.items():
        about = {"file_id": file_ids[name], "first_line": reading.first_line}
        fragments = {name: str(value) for name, value in about.items()}
        parts.append(sqlfiles.load("ingest/raw_ratings_of_file", **fragments))
    sqlfiles.run(con, "ingest/raw_ratings", files="UNION ALL\n".join(parts))


def _one(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    assert row is not None
    return int(row[0])


def _count(con: duckdb.DuckDBPyConnection, report: LoadReport) -> None:
    row = sqlfiles.run(con, "ingest/counts").fetchone()
    assert row is not None
    report.ratings, report.movies, report.users, report.users_without_attributes, *lines = row
    report.repeated_ratings, report.superseded_ratings, report.quarantined = lines
    report.quarantined_by_reason = dict(
        con.execute(
            "SELECT reason, count(*) FROM ops.quarantine GROUP BY reason ORDER BY 2 DESC, 1"
        ).fetchall()
    )


def _check(con: duckdb.DuckDBPyConnection, report: LoadReport, config: IngestConfig) -> None:
    total = _one(con.execute("SELECT coalesce(sum(rows), 0)::BIGINT FROM ops.files"))
    if report.quarantined > config.max_bad_share * total:
        first = con.execute(
            "SELECT file || ' line ' || line || ': ' || regexp_replace(left(raw, 80), '\\p{C}', '·', 'g') "
            "FROM ops.quarantine ORDER BY file, line LIMIT 1"
        ).fetchone()
        assert first is not None
        reasons = report.quarantined_by_reason
        raise TooManyBadRows(
            report.quarantined, total, config.max_bad_share, reasons, first[0], report.scale_evidence
        )
    check_ratings_add_up(con, report.source)
    if report.ratings == 0:
        raise BadSource(report.source, "its ratings files hold no usable rating", "check the files")


def _check_still(source: Source, facts: dict[str, FileFacts]) -> None:
    """Refuse a load of files that were written to meanwhile: what was hashed is not what was read."""
    for file in source.files:
        if not file.path.exists() or stamp_of(file.path) != facts[file.name].stamp:
            raise BadSource(file.path, "changed while it was read", "load again once it is written")


def _remember(
    con: duckdb.DuckDBPyConnection, source: Source, config: IngestConfig, report: LoadReport
) -> None:
    scale = scaling.remember(con, source, config.scale, report.scale, report.scale_evidence)
    ends = (scale.low, scale.high, scale.step) if scale else (None, None, None)
    con.execute("DELETE FROM ops.dataset")
    con.execute(
        "INSERT INTO ops.dataset VALUES (?, ?, ?, ?, ?, ?, now() AT TIME ZONE 'UTC')",
        [source.dataset, source.layout.name, *ends, report.input_fingerprint],
    )
