"""Exports of a publication: Parquet, an exporter of another package, and what fails without undoing anything."""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb
import outsiders
import pytest

from recengine import publish
from recengine.config import Home
from recengine.knobs.stages import PublishConfig
from recengine.runtime import durable
from recengine.serving.versions import current_version, versions
from recengine.upkeep.forget import forget
from recengine.warehouse.connection import warehouse


def published(home: Home, *names: str, **knobs: object) -> publish.PublishReport:
    with warehouse(home.warehouse) as con:
        return publish.publish(con, home, PublishConfig.model_validate({"exports": names} | knobs))


def test_parquet_holds_every_published_table(home: Home) -> None:
    report = published(home, "parquet")
    assert report.failed_exports == {}
    folder = home.exports / "parquet"
    assert folder.resolve() == home.exports / f"parquet-{report.version}"
    assert durable.problem_of(folder) is None
    assert durable.is_sealed(folder)
    with duckdb.connect(str(home.serving_link), read_only=True) as con:
        tables = [name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        assert sorted(path.stem for path in folder.glob("*.parquet")) == sorted(tables)
        for table in tables:
            assert (
                con.sql(f"FROM {table}").fetchall() == con.sql(f"FROM '{folder}/{table}.parquet'").fetchall()
            )


def test_its_folders_go_with_their_versions(home: Home) -> None:
    reports = [published(home, "parquet", keep_versions=2) for _ in range(3)]
    assert sorted(path.name for path in home.exports.iterdir()) == [
        "parquet",
        *(f"parquet-{report.version}" for report in reports[1:]),
    ]
    assert (home.exports / "parquet").resolve().name == f"parquet-{versions(home)[-1]}"


def test_who_is_forgotten_is_in_no_export(home: Home) -> None:
    published(home, "parquet")
    forget(home, [7])
    assert not list(home.exports.iterdir())


def test_an_exporter_of_another_package(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outsiders.package(tmp_path / "elsewhere", monkeypatch)
    assert published(home, "outside.exporting:Counting").failed_exports == {}
    assert (home.root / "counted").read_text() == "40"
    (home.root / "counted").unlink()
    outsiders.offer(tmp_path / "elsewhere", "recengine.exporters", "count", "outside.exporting:Counting")
    assert published(home, "count").failed_exports == {}
    assert (home.root / "counted").read_text() == "40"


def test_what_fails_is_told_and_undoes_nothing(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outsiders.package(tmp_path / "elsewhere", monkeypatch)
    with caplog.at_level(logging.ERROR):
        report = published(home, "outside.exporting:Failing", "parqet", "shutil:rmtree", "parquet")
    assert current_version(home) == report.version
    assert report.failed_exports.keys() == {"outside.exporting:Failing", "parqet", "shutil:rmtree"}
    assert report.failed_exports["outside.exporting:Failing"] == "ConnectionError: the bucket is away"
    assert "There is no exporter 'parqet'; did you mean parquet?" in report.failed_exports["parqet"]
    assert "is not a subclass of" in report.failed_exports["shutil:rmtree"]
    assert caplog.text.count("publish: the tables are published, but the export") == 3
    assert (home.exports / "parquet" / "recommendations.parquet").exists()


def test_a_folder_that_is_not_whole_is_not_there(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(durable, "seal", lambda *told: (_ for _ in ()).throw(OSError(28, "No space left")))
        report = published(home, "parquet")
    assert "No space left" in report.failed_exports["parquet"]
    assert not list(home.exports.iterdir())


def test_names_in_one_line() -> None:
    assert PublishConfig.model_validate({"exports": "parquet, a.b:C"}).exports == ("parquet", "a.b:C")
