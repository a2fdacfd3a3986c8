"""Users leave Prefect's database: lists in artifacts, and ids in quoted lines of source files; nothing else does."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flows.support import artifacts
from flows.support import stored_runs as runs
from recengine.config import Home
from recengine.errors import RecengineError

LONG, SHORT = 987654321, 5
NIGHT = "# demo published\n\n## Lists before and now\n\n{}\n".format
TENTHS = artifacts._table(("Tenth", "Of ratings"), [(SHORT, "12.0%"), (1, "5.0%")])
QUOTED = (
    "2 rows cannot be used (first: ratings.csv line 62: 5,31,9.9,987654321). The 5 files and 987654321x stay."
)


def lists_of(user: int) -> str:
    return NIGHT(
        artifacts._table(("User", "Rank", "Before", "Now"), [(user, 1, "", "Film 5"), (user, 2, "", "B")])
    )


@pytest.fixture
def database(home: Home) -> Path:
    home.prefect.mkdir()
    path = home.prefect / "prefect.db"
    with closing(sqlite3.connect(path)) as con:
        con.execute("PRAGMA journal_mode = WAL")
        for table, kind in (("artifact", "JSON"), ("artifact_collection", "JSON"), ("log", "TEXT")):
            con.execute(f'CREATE TABLE {table} (id INTEGER, "data" {kind})')
        for table in ("artifact", "artifact_collection"):
            rows = [lists_of(LONG), lists_of(SHORT), lists_of(55), TENTHS]
            rows += [json.dumps([{"user_id": user, "rank": 1}]) for user in (LONG, SHORT, 55)]
            con.executemany(
                f"INSERT INTO {table} VALUES (?, ?)", [(i, json.dumps(row)) for i, row in enumerate(rows)]
            )
        con.execute("INSERT INTO log VALUES (1, ?)", [QUOTED])
        con.commit()
    return path


def rows(path: Path, table: str) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(path)) as con:
        return con.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()


@pytest.mark.parametrize(
    ("user", "artifacts_left", "message"),
    [
        (LONG, [1, 2, 3, 5, 6], QUOTED.replace(",987654321)", ",0)")),
        (SHORT, [0, 2, 3, 4, 6], QUOTED.replace("62: 5,", "62: 0,")),
    ],
)
def test_only_what_is_about_the_user_goes(
    home: Home, database: Path, user: int, artifacts_left: list[int], message: str
) -> None:
    before = rows(database, "artifact")
    runs.forget(home, [user])
    for table in ("artifact", "artifact_collection"):
        assert rows(database, table) == [before[place] for place in artifacts_left]
    assert rows(database, "log") == [(1, message)]
    if user == LONG:
        files = database.parent.glob("prefect.db*")
        assert not any(f"{user})".encode() in file.read_bytes() for file in files)


def test_a_database_in_use_is_told(home: Home, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "WAIT_SECONDS", 0)
    with closing(sqlite3.connect(database, isolation_level=None)) as con:
        con.execute("BEGIN IMMEDIATE")
        with pytest.raises(RecengineError, match="stop `recengine serve`"):
            runs.forget(home, [LONG])


def test_a_home_without_prefect_is_no_problem(home: Home) -> None:
    runs.forget(home, [LONG])
    assert not home.prefect.exists()
