"""Retry of a failed run: what still stands is kept, what is gone or was changed since runs again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from flow_runs import retry, start, tasks_of
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from small_releases import everything_rated

from flows.ingest import ingest
from flows.nightly import nightly
from recengine import publish as publishing
from recengine.config import Home
from recengine.serving import queries as reading

pytestmark = pytest.mark.prefect


@pytest.fixture
def failed(client: SyncPrefectClient, home: Home, demo: Path, monkeypatch: pytest.MonkeyPatch) -> FlowRun:
    """A night that failed in its publication; the cause is mended."""
    with monkeypatch.context() as broken:
        broken.setattr(publishing, "audit", _explode)
        run, state = start(client, nightly, source=str(demo), model="ease", force=True)
    assert state.is_failed()
    return run


def test_after_a_newer_run(client: SyncPrefectClient, home: Home, failed: FlowRun, hits: Path) -> None:
    start(client, nightly, source=str(hits), model="popularity")
    run, state = retry(client, nightly, failed)
    assert state.name == "Published", state.message
    assert reading.status(home)["publication"]["dataset"] == "small-demo"
    ran = names(client, run, "Completed")
    assert {"ingest files", "build features", "select model", "score users", "publish tables"} <= ran
    assert {"judge-challenger", "judge-popularity"} == names(client, run, "Cached")


def test_after_what_the_tasks_left_is_gone(client: SyncPrefectClient, home: Home, failed: FlowRun) -> None:
    for folder in (home.snapshots, home.models):
        shutil.rmtree(folder)
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute("DELETE FROM scores.origin")
    run, state = retry(client, nightly, failed)
    assert state.name == "Published", state.message
    assert names(client, run, "Cached") == {"ingest files"}


def test_after_files_were_mended(
    client: SyncPrefectClient, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = everything_rated(tmp_path / "small")
    run, state = start(client, nightly, source=str(folder), model="popularity")
    assert "no rows: every one of the 30 users has rated every one of the 12 movies" in str(state.message)
    with (folder / "movies.csv").open("a") as movies:
        movies.writelines(f"{movie},New {movie} (2020),Drama\n" for movie in range(100, 105))
    monkeypatch.setattr("flows.nightly.prune", _explode)
    run, state = retry(client, nightly, run)
    assert state.name == "Published", "what fails after the night is red, not the night"
    assert names(client, run, "Cached") == set()
    assert names(client, run, "Failed") == {"clean up"}
    assert reading.top(home, 1)["movie_id"].tolist() == [100, 101, 102, 103, 104]


def test_what_prefect_stores_is_json(client: SyncPrefectClient, home: Home, tmp_path: Path) -> None:
    stored = Path(os.environ["PREFECT_HOME"]) / "storage"
    before = set(stored.glob("*"))
    _, state = start(client, ingest, source=str(tmp_path / "nowhere"))
    assert state.is_failed()
    texts = [path.read_text() for path in set(stored.glob("*")) - before]
    assert texts, "Prefect stores no exceptions any more: nothing to see here"
    for text in texts:
        assert json.loads(text)
        assert "recengine.errors.BadInput" in text
        assert "nowhere is no folder" in text


def names(client: SyncPrefectClient, run: FlowRun, state: str) -> set[str]:
    """The tasks of a run's last attempt that ended in a state."""
    return {name for name, task in tasks_of(client, run).items() if task.state_name == state}


def _explode(*given: Any) -> None:
    raise RuntimeError("broken by the test")
