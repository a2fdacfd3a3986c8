"""Opening the warehouse: locks held by real processes, broken files, and kill -9 in the middle of a load."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from ingest_frames import MOVIES, RATINGS, frame, load, table, write

from recengine.errors import Damaged, WarehouseBusy
from recengine.warehouse import connection
from recengine.warehouse.connection import memory, settings, warehouse

HOLDER = """
import duckdb, sys, time
con = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""

# Loads the folder and stops where the transaction has done all its work but the commit.
LOADER = """
import sys
from pathlib import Path
import recengine.ingest as ingest
from recengine.ingest import IngestConfig
from recengine.movielens.layouts import recognise
from recengine.warehouse.connection import warehouse

def stop(*_):
    print("working", flush=True)
    sys.stdin.readline()

ingest._check_still = stop
with warehouse(Path(sys.argv[1])) as con:
    ingest.ingest(con, recognise(Path(sys.argv[2])), IngestConfig())
"""


@contextmanager
def process(program: str, *arguments: Path) -> Iterator[subprocess.Popen[str]]:
    """A second Python that has printed its first line."""
    repository = Path(__file__).parents[3]
    child = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(repository)},
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline().strip() in ("held", "working")
        yield child
    finally:
        child.kill()
        child.communicate()


def test_a_holder_that_ends_while_it_is_looked_up_is_named_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ended(_: Path) -> bytes:
        raise ProcessLookupError(3, "No such process")

    monkeypatch.setattr(Path, "read_bytes", ended)
    assert (
        connection._holder(f"Conflicting lock is held in python (PID {os.getpid()})")
        == f"process {os.getpid()}"
    )


def test_the_holder_of_the_lock_is_named_after_the_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recengine.warehouse.connection.SAY_SECONDS", 0.25)
    caplog.set_level("INFO", "recengine")
    path = tmp_path / "w.duckdb"
    with process(HOLDER, path) as holder:
        with pytest.raises(WarehouseBusy) as caught, warehouse(path, wait_seconds=0.6):
            pass
        assert caplog.text.count(f"{path} is in use by process {holder.pid} (") > 1
        assert f"process {holder.pid} (" in caught.value.holder
        assert Path(sys.executable).name in caught.value.holder
        assert str(caught.value).startswith(f"{path} is in use by process {holder.pid} (")
        assert str(caught.value).endswith("(waited 1 s); wait for it to finish or stop it, then run again.")


def test_waiting_ends_when_the_lock_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with process(HOLDER, path) as holder:
        assert holder.stdin is not None
        holder.stdin.write("go\n")
        holder.stdin.flush()
        with warehouse(path, wait_seconds=20) as con:
            assert con.execute("SELECT count(*) FROM core.ratings").fetchone() == (0,)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(Damaged, match="not a valid DuckDB database"), warehouse(path):
        pass
    assert path.read_bytes() == b"no database " * 1000


def test_settings_follow_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RECENGINE_THREADS", "1")
    monkeypatch.setenv("RECENGINE_MEMORY_LIMIT", "900MiB")
    assert settings(tmp_path)["temp_directory"] == str(tmp_path)
    with memory() as con:
        found = con.execute(
            "SELECT current_setting('threads'), current_setting('memory_limit'), "
            "current_setting('autoinstall_known_extensions')"
        ).fetchone()
    assert found == (1, "300.0 MiB", False)


def test_kill_9_in_a_load_leaves_the_old_data_and_the_next_load_works(tmp_path: Path) -> None:
    path, folder = tmp_path / "w.duckdb", tmp_path / "f"
    with warehouse(path) as con:
        load(con, write(folder, frame("csv")))
    more = "".join(f"{user},30,4.5,1000000000\n" for user in range(100, 150_100))
    write(folder, frame("csv", ratings=more))
    with process(LOADER, path, folder) as loader:
        os.kill(loader.pid, signal.SIGKILL)
        loader.wait()
    with warehouse(path, wait_seconds=5) as con:
        assert (table(con, "ratings"), table(con, "movies")) == (RATINGS, MOVIES)
        assert con.execute("SELECT count(*) FROM ops.loads").fetchone() == (1,)
        report = load(con, folder)
        assert (report.status, report.ratings, report.users) == ("loaded", 150_003, 150_002)


def test_kill_9_in_the_first_migration_leaves_a_usable_file(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    stopped = HOLDER.replace(
        'print("held"',
        'con.execute("BEGIN; CREATE SCHEMA core; CREATE TABLE core.x AS FROM range(9)"); print("held"',
    )
    with process(stopped, path) as child:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    with warehouse(path, wait_seconds=5) as con:
        assert con.execute("SELECT count(*) FROM core.movies").fetchone() == (0,)
        with pytest.raises(duckdb.CatalogException):
            con.execute("FROM core.x")
