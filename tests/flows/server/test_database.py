"""A damaged Prefect database is set aside, said by name; a whole one, an empty one and a locked one stay."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flows.server import database
from recengine.config import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home.at(tmp_path / "home")
    found.prefect.mkdir()
    with closing(sqlite3.connect(found.prefect / "prefect.db")) as con:
        con.execute("CREATE TABLE flow_run (id INTEGER PRIMARY KEY, name TEXT)")
        con.executemany("INSERT INTO flow_run (name) VALUES (?)", [("x" * 500,)] * 200)
        con.commit()
    return found


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
@pytest.mark.parametrize("how", ["cut", "zeros"])
def test_a_torn_database_is_set_aside(home: Home, share: float, how: str) -> None:
    path = home.prefect / "prefect.db"
    content = path.read_bytes()
    kept = int(len(content) * share)
    path.write_bytes(content[:kept] + (bytes(len(content) - kept) if how == "zeros" else b""))
    (home.prefect / "prefect.db-wal").write_bytes(b"x")
    said = database.set_aside_if_damaged(home)
    assert said is not None
    assert str(path) in said
    assert "the published tables stay" in said
    assert [file.name.partition("-")[0] for file in home.prefect.iterdir()] == ["prefect.db.damaged"]


def test_a_whole_database_stays(home: Home) -> None:
    path = home.prefect / "prefect.db"
    before = path.read_bytes()
    with closing(sqlite3.connect(path)) as con:
        con.execute("BEGIN EXCLUSIVE")
        assert database.set_aside_if_damaged(home) is None
    assert database.set_aside_if_damaged(home) is None
    assert path.read_bytes() == before
    path.write_bytes(b"")
    assert database.set_aside_if_damaged(home) is None
    path.unlink()
    assert database.set_aside_if_damaged(home) is None
