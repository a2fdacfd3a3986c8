"""One way to open a DuckDB file: waits for its lock up to a limit, then says who holds it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception, stop_after_delay, wait_fixed

from recengine.errors import BadSource, Damaged, NotReady, WarehouseBusy
from recengine.runtime.resources import cores, memory_bytes
from recengine.warehouse.migrations import is_up_to_date, migrate
from recengine.warehouse.sqlfiles import literal, path_literal

log = logging.getLogger(__name__)

LOCK_WAIT_SECONDS = 600.0  # a command's or a person's own connection; runs wait for the run lock without end
LOOK_SECONDS, SAY_SECONDS = 0.25, 60.0
# DuckDB may fill its part with cached pages; the rest is for arrays and models beside it.
MEMORY_SHARE = 1 / 3

# How DuckDB begins to say that a file is not what it wrote. It keeps a checksum of every block.
_DAMAGE = re.compile(
    r"not a valid DuckDB database|Could not read enough bytes|Corrupt database|replaying WAL|"
    r"does not match stored checksum|[Ff]ailed to deserialize|Serialization Error|INTERNAL Error"
)


def settings(temp_directory: Path | None = None) -> dict[str, Any]:
    """DuckDB settings every connection of ours uses: bounded, quiet, and never reaching for the network."""
    chosen = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "threads": str(cores()),
        "memory_limit": f"{int(memory_bytes() * MEMORY_SHARE)}B",
    }
    if temp_directory is not None:
        chosen["temp_directory"] = str(temp_directory)
    return chosen


@contextmanager
def warehouse(path: Path, *, wait_seconds: float = LOCK_WAIT_SECONDS) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the private warehouse for reading and writing, at its newest schema.

    Parameters
    ----------
    path : Path
        The database file; made when missing.
    wait_seconds : float
        How long to wait for another process that holds the lock.

    Raises
    ------
    WarehouseBusy
        Another process held the lock the whole time; the sentence names it.
    WarehouseTooNew
        A newer recengine wrote the file.
    Damaged
        The file, or a part of it that is read, is not what DuckDB wrote.
    """
    config = settings(path.with_name(path.name + ".tmp"))
    with damage_told(path), _locked_open(path, config, wait_seconds) as con:
        _settle(con)
        migrate(con, path)
        yield con


@contextmanager
def looked_at(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the private warehouse read-only, as it is; an empty one in memory where there is none.

    Raises
    ------
    WarehouseBusy
        Another process has it.
    NotReady
        It is of an earlier release, or a crash left a log beside it: only a run may bring it up to date.
    """
    if not path.exists():
        with memory() as con:
            migrate(con, path)
            yield con
        return
    log_left = path.with_name(path.name + ".wal")
    if log_left.exists() and log_left.stat().st_size:
        raise NotReady(
            f"{path} was not closed in order", "the next run mends it, and then it can be looked at"
        )
    with damage_told(path), _locked_open(path, settings(), 0, read_only=True) as con:
        _settle(con)
        if not is_up_to_date(con, path):
            raise NotReady(f"{path} is of an earlier release", "the next run brings it up to date")
        yield con


def memory() -> duckdb.DuckDBPyConnection:
    """A private in-memory database with the same settings, for evaluation and publishing."""
    con = duckdb.connect(config=settings())
    _settle(con)
    return con


@contextmanager
def published(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a published file read-only, as any reader does, with our settings.

    They are set afterwards: DuckDB refuses a second opening in a process that does not ask for what the first did,
    and the first may be a notebook's own.
    """
    with damage_told(path), duckdb.connect(str(path.absolute()), read_only=True) as con:
        for name, value in settings().items():
            con.execute(f"SET {name} = {literal(value)}")
        _settle(con)
        yield con


def _settle(con: duckdb.DuckDBPyConnection) -> None:
    """What can be set only once a database is open."""
    con.execute("SET enable_progress_bar = false")
    con.execute("SET TimeZone = 'UTC'")  # times with a zone are shown in it, wherever this machine stands


@contextmanager
def fresh_database(
    con: duckdb.DuckDBPyConnection, path: Path, name: str, *, storage_version: str | None = None
) -> Iterator[None]:
    """Attach a new database file under a name; it is whole on its own, without a log, when the block ends well.

    Parameters
    ----------
    con : DuckDBPyConnection
        Any open connection.
    path : Path
        The file to make.
    name : str
        What the connection calls it meanwhile.
    storage_version : str, optional
        The oldest DuckDB that must be able to read it; this one by default.
    """
    option = f" (STORAGE_VERSION {literal(storage_version)})" if storage_version else ""
    con.execute(f"ATTACH {path_literal(path)} AS {name}{option}")
    try:
        yield
        con.execute(f"CHECKPOINT {name}")
    finally:
        con.execute(f"DETACH {name}")


def damage_of(path: Path, *, wait_seconds: float = LOCK_WAIT_SECONDS) -> str | None:
    """What is wrong with a database file, in DuckDB's words, after every table was read; None where nothing is."""
    try:
        with _locked_open(path, {}, wait_seconds, read_only=True) as con:
            tables = con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            for schema, table in tables:
                con.execute(f'SELECT max(hash(rows)) FROM "{schema}"."{table}" AS rows').fetchall()
    except duckdb.Error as error:
        if not _is_damage(error):
            raise
        return _sentence(error)
    except Damaged as error:
        return error.problem
    return None


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn what DuckDB says of a damaged file into one sentence with its name.

    Raises
    ------
    Damaged
        A part of the file that was read is not what DuckDB wrote.
    """
    try:
        yield
    except duckdb.Error as error:
        if not _is_damage(error):
            raise
        raise Damaged(path, _sentence(error)) from error


def _is_damage(error: duckdb.Error) -> bool:
    return _DAMAGE.search(str(error)) is not None


def _sentence(error: duckdb.Error) -> str:
    """DuckDB's own words without the path, which ours name."""
    return re.sub(
        r'^\w+ Error: |(?:from )?(?:the )?file "[^"]*" ?',
        "",
        " ".join(str(error).split()),
        flags=re.IGNORECASE,
    )[:160]


def _locked_open(
    path: Path, config: dict[str, Any], wait_seconds: float, *, read_only: bool = False
) -> duckdb.DuckDBPyConnection:
    attempts = Retrying(
        retry=retry_if_exception(_is_lock_conflict),
        stop=stop_after_delay(wait_seconds),
        wait=wait_fixed(LOOK_SECONDS),
        before_sleep=lambda attempt: _say(path, attempt),
    )
    try:
        return attempts(duckdb.connect, str(path.absolute()), read_only=read_only, config=config)
    except RetryError as error:
        conflict = error.last_attempt.exception()
        raise WarehouseBusy(path, _holder(str(conflict)), wait_seconds) from conflict
    except duckdb.IOException as error:
        if _is_damage(error):
            raise Damaged(path, _sentence(error)) from error
        raise BadSource(
            path, f"cannot be opened ({_sentence(error)})", "mend its permissions, or use another --home"
        ) from error


def _say(path: Path, attempt: RetryCallState) -> None:
    """Every minute, for whom it waits."""
    if attempt.outcome and (attempt.attempt_number - 1) % int(SAY_SECONDS / LOOK_SECONDS) == 0:
        log.info("%s is in use by %s: waiting", path, _holder(str(attempt.outcome.exception())))


def _is_lock_conflict(error: BaseException) -> bool:
    return isinstance(error, duckdb.IOException) and "Could not set lock" in str(error)


def _holder(message: str) -> str:
    """Who holds the lock, from DuckDB's message: ``process 123 (recengine run)``."""
    process = re.search(r"PID (\d+)", message)
    if not process:
        return "another process"
    try:
        command = (
            Path(f"/proc/{process[1]}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode(errors="replace")
            .strip()
        )
    except OSError:  # it has ended, also in the middle of being asked; or this system has no /proc
        command = ""
    return f"process {process[1]}" + (f" ({command[:120]})" if command else "")
