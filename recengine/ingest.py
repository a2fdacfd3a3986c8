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

from recengine.errors import BadInput, BadSource, RecengineError, TooManyBadRows, legible
from recengine.knobs.stages import IngestConfig
from recengine.movielens import core_tables, description, scaling
from recengine.movielens.accounts import check_ratings_add_up, one
from recengine.movielens.facts import FileFacts, facts_of, stamp_of
from recengine.movielens.files import FileLoad, load_file, quarantine_left_out
from recengine.movielens.layouts import Source
from recengine.movielens.reader import PARSER_VERSION
from recengine.warehouse import erasure, sqlfiles
from recengine.warehouse.history import contents, files, forgotten, loads, rules_of_data
from recengine.warehouse.history.loads import LoadReport
from recengine.warehouse.sqlfolder import named_texts_in
from recengine.warehouse.transaction import transaction

# A clock may be a little ahead; a rating from the day after tomorrow is wrong.
FUTURE_SECONDS = 86_400


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
    try:
        with transaction(con):
            facts = {file.name: facts_of(file.path) for file in source.files}
            report.input_fingerprint = forgotten.fingerprint(con, input_fingerprint(source, facts, config))
            if contents.input_of(con) == report.input_fingerprint:
                report.status, report.files_unchanged = "unchanged", len(source.files)
                loads.fill_from_last_load(con, report)
            else:
                _load(con, source, facts, config, report)
            rules_of_data.replace(con, _rules(source))
            report.seconds = time.perf_counter() - began
            loads.add(con, report, started_at)
    except Exception as error:
        report.status, report.seconds = "failed", time.perf_counter() - began
        ours = isinstance(error, RecengineError)
        loads.add(con, report, started_at, str(error) if ours else f"{type(error).__name__}: {error}")
        raise
    loads.log_line(report)
    return report


def input_fingerprint(source: Source, facts: dict[str, FileFacts], config: IngestConfig) -> str:
    """Hash of everything the core tables depend on: dataset, layout, parser, and each file's content."""
    files = sorted((file.role, file.name, facts[file.name].sha256) for file in source.files)
    inputs = [source.dataset, _reading(source, config), files]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16]


def is_loaded(con: duckdb.DuckDBPyConnection, source: Source, config: IngestConfig) -> bool:
    """Whether the warehouse says what the source's files say now: a load would change nothing."""
    facts = {file.name: facts_of(file.path) for file in source.files}
    same_data = contents.input_of(con) == input_fingerprint(source, facts, config)
    return same_data and rules_are_loaded(con, source)


def rules_are_loaded(con: duckdb.DuckDBPyConnection, source: Source) -> bool:
    """Whether the warehouse has the rules that come with the source, as they are now."""
    return rules_of_data.kept(con) == _rules(source)


def _rules(source: Source) -> list[tuple[str, str]]:
    """Path and text of each rule that comes with the data."""
    try:
        texts = named_texts_in(source.rules) if source.rules else []
    except BadInput as error:
        described = source.folder / description.FILE_NAME
        raise BadSource(described, f"its rules cannot be read: {error}"[:-1], "mend rules in it") from error
    return [(legible(path), text) for path, text in texts]


def _reading(source: Source, config: IngestConfig) -> str:
    said = source.description.model_dump_json(exclude={"name", "rules"}) if source.description else ""
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
    read_before = dict(
        con.execute("SELECT name || sha256, file_id FROM ops.files WHERE reading = ?", [reading]).fetchall()
    )
    kept = {
        file.name: read_before[key]
        for file in source.files
        if (key := file.name + facts[file.name].sha256) in read_before
    }
    removed_roles = _remove_all_but(con, list(kept.values()))
    with tempfile.TemporaryDirectory(prefix="recengine-ingest-") as scratch:
        file_loads = [
            load_file(con, file, source.layout, facts[file.name], reading, Path(scratch))
            # the large ones first: they tell what the ids of a few lines are
            for file in sorted(source.files, key=lambda file: -facts[file.name].bytes)
            if file.name not in kept
        ]
        report.forgotten_rows = erasure.leave_out(con)
        scale = core_tables.build(con, source, config.scale)
        report.scale, report.scale_evidence = str(scale), scale.evidence
        metadata_changed = {"movies", "users"} & {*removed_roles, *(load.file.role for load in file_loads)}
        new_ids = {load.file.name: load.file_id for load in file_loads}
        everything = metadata_changed or scaling.changes(con, report.scale)
        _quarantine_left_out(con, source, facts, new_ids | kept if everything else new_ids, Path(scratch))
    report.files_unchanged, report.files_removed = len(kept), len(removed_roles)
    _note_what_was_read(report, file_loads, facts)
    _count(con, report)
    _check(con, report, config)
    _check_still(source, facts)
    _remember(con, source, config, report)


def _note_what_was_read(report: LoadReport, file_loads: list[FileLoad], facts: dict[str, FileFacts]) -> None:
    report.files_read = len(file_loads)
    report.rows_read = sum(load.rows for load in file_loads)
    report.bytes_read = sum(facts[load.file.name].bytes for load in file_loads)
    report.notes += [note for load in file_loads for note in load.notes]


def _quarantine_left_out(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    facts: dict[str, FileFacts],
    file_ids: dict[str, int],
    scratch: Path,
) -> None:
    """Quarantine anew, for these files, the lines that other lines or files rule out; count all bad rows."""
    files.readmit_ruled_out(con, list(file_ids.values()))
    query = "SELECT DISTINCT file_id FROM raw.left_out WHERE reason NOT IN ('repeated', 'superseded')"
    concerned = {row[0] for row in con.execute(query).fetchall()}
    for file in source.files:
        if file_ids.get(file.name) in concerned:
            quarantine_left_out(con, file, source.layout, facts[file.name], file_ids[file.name], scratch)
    files.count_bad_rows(con)


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
        ids = [file_id for file_id, _ in gone]
        for table in ("raw.movies", "raw.users", "raw.movie_keys", "raw.user_keys"):
            con.execute(f"DELETE FROM {table} WHERE list_contains(?::INTEGER[], file_id)", [ids])
        files.remove(con, ids)
    for file_id in [0, *(file_id for file_id, role in gone if role == "ratings")]:
        con.execute(f"DROP TABLE IF EXISTS raw.ratings_{file_id}")
    return [role for _, role in gone]


def _count(con: duckdb.DuckDBPyConnection, report: LoadReport) -> None:
    [row] = sqlfiles.run(con, "ingest/counts").fetchall()
    report.ratings, report.movies, report.users, report.users_without_attributes, *lines = row
    report.repeated_ratings, report.superseded_ratings, report.quarantined = lines
    report.quarantined_by_reason = dict(
        con.execute(
            "SELECT reason, count(*) FROM ops.quarantine GROUP BY reason ORDER BY 2 DESC, 1"
        ).fetchall()
    )


def _check(con: duckdb.DuckDBPyConnection, report: LoadReport, config: IngestConfig) -> None:
    total = one(con.execute("SELECT coalesce(sum(rows), 0)::BIGINT FROM ops.files"))
    if report.quarantined > config.max_bad_share * total:
        [(first,)] = con.execute(
            "SELECT file || ' line ' || line || ': ' || regexp_replace(left(raw, 80), '\\p{C}', '·', 'g') "
            "FROM ops.quarantine ORDER BY file, line LIMIT 1"
        ).fetchall()
        reasons = report.quarantined_by_reason
        raise TooManyBadRows(
            report.quarantined, total, config.max_bad_share, reasons, first, report.scale_evidence
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
    contents.replace_dataset(con, source.dataset, source.layout.name, ends, report.input_fingerprint)
