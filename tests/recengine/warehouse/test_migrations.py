"""The warehouse's schema: made in one transaction, kept, and refused when it is newer."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from ingest_frames import RATINGS, frame, load, table, write

from recengine.errors import WarehouseTooNew
from recengine.warehouse import sqlfiles
from recengine.warehouse.connection import warehouse
from recengine.warehouse.migrations import migrate, newest_version, version_of


def schema_of(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return con.execute("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall()


def test_an_empty_file_gets_the_newest_schema_once(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with warehouse(path) as con:
        schema = schema_of(con)
        assert ("core", "movies") in schema
        assert ("ops", "quarantine") in schema
        assert version_of(con) == newest_version()
    with warehouse(path) as con:
        assert schema_of(con) == schema
        versions = con.execute("SELECT version FROM ops.schema_version ORDER BY 1").fetchall()
        assert versions == [(number,) for number in numbers()]


def numbers() -> list[int]:
    return [int(name.split("_", 1)[0]) for name in sqlfiles.names("migrations")]


def test_no_two_migrations_have_one_number() -> None:
    assert numbers()[0] == 1
    assert sorted(set(numbers())) == numbers()


def test_a_lower_number_that_comes_later_runs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    con = duckdb.connect()
    with monkeypatch.context() as patch:
        _pretend(patch, {"901_second": "CREATE TABLE core.second (x INTEGER);"})
        migrate(con, Path("w"))
    _pretend(monkeypatch, {"900_first": "CREATE TABLE core.first (x INTEGER);", "901_second": "SELECT 1;"})
    migrate(con, Path("w"))
    assert {("core", "first"), ("core", "second")} <= set(schema_of(con))
    assert con.execute("SELECT version FROM ops.schema_version WHERE version > 899").fetchall() == [
        (901,),
        (900,),
    ]


def test_only_what_is_pending_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    con = duckdb.connect()
    migrate(con, Path("w"))
    con.execute("INSERT INTO core.movies (movie_id, title, year, genres) VALUES (1, 'A', 2000, [])")
    texts = {"900_next": "ALTER TABLE core.movies ADD COLUMN weight DOUBLE DEFAULT 1;"}
    _pretend(monkeypatch, texts)
    migrate(con, Path("w"))
    assert version_of(con) == 900
    assert con.execute("SELECT movie_id, weight FROM core.movies").fetchall() == [(1, 1.0)]


def test_ratings_of_a_warehouse_of_version_1_stay_readable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    con = duckdb.connect()
    with monkeypatch.context() as patch:
        names = sqlfiles.names
        patch.setattr(sqlfiles, "names", lambda folder: names(folder)[:1])
        migrate(con, Path("w"))
    con.execute("INSERT INTO core.ratings VALUES (1, 20, 3.5, TIMESTAMP '2000-01-01 00:00:01')")
    con.execute("INSERT INTO raw.ratings VALUES (1, 1, 1, 20, 3.5, 946684801)")
    con.execute("CREATE TABLE features.interactions (user_index INTEGER)")
    migrate(con, Path("w"))
    assert version_of(con) == newest_version()
    assert table(con, "ratings") == [(1, 20, 3.5, 946684801)]
    assert load(con, write(tmp_path / "f", frame("csv"))).ratings == 3
    assert table(con, "ratings") == RATINGS


def test_a_failing_migration_undoes_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    con = duckdb.connect()
    migrate(con, Path("w"))
    schema, version = schema_of(con), version_of(con)
    _pretend(
        monkeypatch,
        {"900_good": "CREATE TABLE core.more (x INTEGER);", "901_bad": "DROP TABLE core.nothing;"},
    )
    with pytest.raises(duckdb.CatalogException, match="nothing"):
        migrate(con, Path("w"))
    assert (schema_of(con), version_of(con)) == (schema, version)


def _pretend(monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]) -> None:
    names, load = sqlfiles.names, sqlfiles.load
    monkeypatch.setattr(sqlfiles, "names", lambda folder: sorted([*names(folder), *texts]))
    monkeypatch.setattr(sqlfiles, "load", lambda name: texts.get(name.split("/")[-1]) or load(name))


def test_a_newer_schema_is_refused_with_a_sentence_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with warehouse(path) as con:
        con.execute("INSERT INTO ops.schema_version VALUES (99, now())")
    with pytest.raises(WarehouseTooNew) as caught, warehouse(path):
        pass
    assert str(caught.value) == (
        f"{path} has schema version 99, newer than version {newest_version()} that this recengine knows; "
        "upgrade recengine or use another --home."
    )
    with duckdb.connect(str(path)) as con:
        assert version_of(con) == 99


def test_an_unknown_fragment_and_quotes_in_literals() -> None:
    with pytest.raises(KeyError, match=r"has no \{nothing\}"):
        sqlfiles.load("ingest/ratings", nothing="x")
    assert sqlfiles.literal("it's") == "'it''s'"
    assert duckdb.execute(f"SELECT {sqlfiles.literal(chr(39) + ';--')}").fetchall() == [("';--",)]
