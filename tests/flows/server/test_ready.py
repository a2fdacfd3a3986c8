"""The ready-made database: what Prefect's migrations make, copied as it was made, and never over another."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flows.server import database, ready
from recengine.config import Home


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = ready.path_of(str(tmp_path_factory.mktemp("prefix")))
    ready.make(path)
    return path


@pytest.fixture
def home(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    copy = tmp_path / made.name
    for file in made.parent.iterdir():
        copy.with_suffix(file.suffix).write_bytes(file.read_bytes())
    monkeypatch.setattr(ready, "path_of", lambda: copy)
    home = Home.at(tmp_path / "home")
    home.prefect.mkdir()
    return home


def test_it_holds_every_table_and_no_row_of_anybody(home: Home) -> None:
    assert database.prepare(home) is None
    path = home.prefect / "prefect.db"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in home.prefect.iterdir()] == ["prefect.db"]
    with closing(sqlite3.connect(path)) as con:
        tables = {name for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        rows = {name: con.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}
    assert {"flow_run", "task_run", "deployment", "work_pool", "artifact", "alembic_version"} <= tables
    assert {name for name, count in rows.items() if count} <= {"alembic_version", "sqlite_sequence"}


def test_a_home_keeps_the_database_it_has(home: Home) -> None:
    path = home.prefect / "prefect.db"
    path.write_bytes(b"")
    assert not ready.lay_out(home)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("harm", ["bytes", "hash"])
def test_one_that_is_not_as_it_was_made_is_not_copied(
    home: Home, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = ready.path_of()
    if harm == "bytes":
        path.write_bytes(path.read_bytes()[:-4096])
    else:
        path.with_suffix(".sha256").unlink()
    assert not ready.lay_out(home)
    assert list(home.prefect.iterdir()) == []
    assert "is not as it was made" in caplog.text
    path.unlink()
    assert not ready.lay_out(home), "none is ready: nothing to say"
