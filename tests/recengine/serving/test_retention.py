"""Old models, history and files go; what a kept version needs stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from recengine.config import Home
from recengine.models import store
from recengine.serving import retention
from recengine.warehouse.connection import warehouse

VERSION = "20260101-000000-000"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with four models; the oldest is published."""
    home = Home.at(tmp_path)
    for day in range(1, 5):
        folder = home.models / f"m-{day}"
        folder.mkdir(parents=True)
        manifest = store.Manifest(
            model_id=f"m-{day}", model="m", config={}, dataset="d", snapshot="s",
            trained_at=f"2026-01-0{day}T00:00:00", seconds=1,  # type: ignore[arg-type]
        )  # fmt: skip
        (folder / "manifest.json").write_text(manifest.model_dump_json())
    home.serving.mkdir()
    (home.serving / f"serving-{VERSION}.duckdb").touch()
    return home


@pytest.fixture
def con(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Its warehouse, with an old publication of the oldest model and an older one still."""
    with warehouse(home.warehouse) as con:
        for version, model, days in ((VERSION, "m-1", 30), ("20200101-000000-000", "m-2", 500)):
            con.execute(
                "INSERT INTO ops.publications (version, action, dataset, model_id, input_fingerprint, request, "
                "reason, metrics, happened_at) VALUES (?, 'published', 'd', ?, 'f', '{}', 'r', '{}', "
                "now()::TIMESTAMP - to_days(?::INTEGER))",
                [version, model, days],
            )
        yield con


def test_old_models_go_and_a_published_one_stays(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    report = retention.prune(con, home, retention.RetentionConfig(models=1))
    assert sorted(report.models) == ["m-2", "m-3"]
    assert sorted(path.name for path in home.models.iterdir()) == ["m-1", "m-4"]


def test_old_history_goes(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    assert retention.prune(con, home, retention.RetentionConfig(history_days=10)).history_rows == 1, (
        "the other entry is older than ten days too, but its version is on disk"
    )
    assert con.execute("SELECT version FROM ops.publications").fetchall() == [(VERSION,)]


def test_old_results_go(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    storage = home.prefect / "storage"
    storage.mkdir(parents=True)
    for name, days in (("old", 31), ("new", 29)):
        (storage / name).touch()
        os.utime(storage / name, (time.time() - days * 86_400,) * 2)
    assert retention.prune(con, home, retention.RetentionConfig(results_days=30)).files == 1
    assert [path.name for path in storage.iterdir()] == ["new"]


def test_what_a_killed_process_was_writing_goes(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    for name in (f".m-9.{ended.pid}", f".m-9.{os.getpid()}"):
        (home.models / name).mkdir()
    (home.root / f".serving.duckdb.1.{ended.pid}").symlink_to("serving")
    (home.root / f".nights.json.1.{ended.pid}").touch()
    assert retention.prune(con, home, retention.RetentionConfig()).unfinished == 3
    assert (home.models / f".m-9.{os.getpid()}").exists()
    assert not [path for path in home.root.iterdir() if path.name.endswith(str(ended.pid))]


def test_nothing_to_do_is_fine(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "empty")
    with warehouse(home.warehouse) as con:
        assert retention.prune(con, home, retention.RetentionConfig()) == retention.RetentionReport(
            models=[], unfinished=0, history_rows=0, files=0
        )
