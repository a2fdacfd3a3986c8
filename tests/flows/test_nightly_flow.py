"""The night through Prefect: what ends as what, what runs again and what does not."""

from __future__ import annotations

import importlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
from flow_runs import logs_of, retry, start, tasks_of
from prefect.client.orchestration import SyncPrefectClient

from flows.features import features
from flows.ingest import ingest, ingest_files
from flows.nightly import nightly
from flows.publish import publish
from flows.support.planning import plan
from flows.train import train
from recengine import publish as publishing
from recengine.config import Home
from recengine.errors import TooManyBadRows
from recengine.knobs.sources import in_force
from recengine.knobs.stages import ReuseConfig
from recengine.serving import queries as reading
from recengine.serving.continuity import Night
from recengine.serving.versions import current_version, versions

pytestmark = pytest.mark.prefect

ingesting = importlib.import_module("flows.ingest")

STAGES = ["ingest files", "check for changes", "build features", "check rules", "tune recipe", "reuse last verdict",
          "judge-challenger", "judge-popularity", "select model", "fit model", "score users", "publish tables",
          "write report", "clean up"]  # fmt: skip


def test_a_night_publishes_and_the_next_one_finds_nothing_new(
    client: SyncPrefectClient, home: Home, demo: Path
) -> None:
    run, state = start(client, nightly, source=str(demo), model="ease", top_n=7)
    assert (state.name, state.is_completed()) == ("Published", True), state.message
    assert (
        reading.sql(home, "SELECT DISTINCT count(*) AS n FROM recommendations GROUP BY user_id")["n"][0] == 7
    )
    first = current_version(home)
    assert first is not None
    assert first in str(state.message)

    run_again, state = start(client, nightly, source=str(demo), model="ease", top_n=7)
    assert state.name == "Unchanged"
    assert set(tasks_of(client, run_again, expected=3)) == {"ingest files", "check for changes", "clean up"}
    assert current_version(home) == first
    _plans_touch_nothing_and_say_why(home, demo)

    again, state = start(client, nightly, source=str(demo), model="ease", top_n=7, force=True)
    assert state.name == "Published"
    assert versions(home) == [first, current_version(home)]
    assert again.id != run.id
    seconds = _metrics(home)
    for stage in ("ingest", "features", "tune", "select", "fit", "score", "publish", "report", "clean up"):
        assert seconds[f'recengine_stage_seconds{{stage="{stage}"}}'] > 0
    assert seconds["recengine_last_night_success"] == 1


def _plans_touch_nothing_and_say_why(home: Home, demo: Path) -> None:
    before = {path: path.lstat().st_mtime_ns for path in home.root.rglob("*")}
    asked = Night(source=str(demo), top_n=7)
    same, other = (in_force(home.root, [f"train.model={model}"]).knobs for model in ("ease", "popularity"))
    found = plan(home, asked, same)
    assert (found.runs, found.unchanged, found.files) == (False, 3, {})
    assert found.why == [
        "Neither files nor settings changed since the last decision: the published tables stay."
    ]
    assert (found.nights, set(found.seconds)) == (1, {"ingest", "clean up"}), "of the nights that ended so"
    found = plan(home, asked, other)
    assert found.runs
    assert found.why == ["Another than at the last decision: the model or one of its knobs."]
    assert found.seconds["fit"] > 0
    more = home.root.parent / demo.name
    shutil.copytree(demo, more)
    (more / "ratings-2.dat").write_text("1::1::5::978300760\n")
    (more / "users.dat").unlink()
    found = plan(home, Night(source=str(more), top_n=7), same)
    assert found.files == {"ratings-2.dat": "new", "users.dat": "gone"}
    assert {path: path.lstat().st_mtime_ns for path in home.root.rglob("*")} == before


def test_the_graph_has_the_stages_in_order_and_the_candidates_side_by_side(
    client: SyncPrefectClient, home: Home, demo: Path
) -> None:
    run, _ = start(client, nightly, source=str(demo), model="ease")
    tasks = tasks_of(client, run, expected=len(STAGES))
    assert sorted(tasks) == sorted(STAGES)
    inputs = {
        name: {found.id for given in task.task_inputs.values() for found in given if hasattr(found, "id")}
        for name, task in tasks.items()
    }
    branches = {tasks["judge-challenger"].id, tasks["judge-popularity"].id}
    assert branches <= inputs["select model"]
    assert not branches & (inputs["judge-challenger"] | inputs["judge-popularity"])
    challenger, popularity = tasks["judge-challenger"], tasks["judge-popularity"]
    assert challenger.start_time is not None
    assert popularity.start_time is not None
    assert max(challenger.start_time, popularity.start_time) < min(_end(challenger), _end(popularity)), (
        "the candidates ran one after the other"
    )


def test_a_verdict_stands_where_large_data_hardly_grew(
    client: SyncPrefectClient, home: Home, demo: Path, tmp_path: Path
) -> None:
    folder, large = tmp_path / demo.name, ReuseConfig(least_ratings=0)
    shutil.copytree(demo, folder)
    run, _ = start(client, nightly, source=str(folder), model="ease", reuse=large)
    first = current_version(home)
    with (folder / "ratings.dat").open("a") as ratings:
        ratings.write("151::2::5::1700000000\n151::3::5::1700000000\n")
    with (folder / "users.dat").open("a") as users:
        users.write("151::F::25::4::94110\n")
    run, state = start(client, nightly, source=str(folder), model="ease", reuse=large)
    assert (state.name, current_version(home) != first) == ("Published", True), state.message
    assert "for ease stands: since then the ratings grew by 0.03%" in str(state.message)
    assert set(tasks_of(client, run)) == set(STAGES) - {
        "judge-challenger",
        "judge-popularity",
        "select model",
    }


def test_the_gate_keeps_what_is_published(client: SyncPrefectClient, home: Home, hits: Path) -> None:
    _, state = start(client, nightly, source=str(hits), model="ease", force=True)
    assert state.name == "Published"
    assert "Forced: ease kept what is published: not better than popularity" in str(state.message)
    before = current_version(home)
    run, state = start(client, nightly, source=str(hits), model="ease", top_n=9)
    assert (state.name, state.is_completed()) == ("Kept", True)
    assert "not better than popularity" in str(state.message)
    assert current_version(home) == before
    assert set(tasks_of(client, run, expected=10)) == {*STAGES[:9], "keep published tables", "clean up"}
    _, state = start(client, nightly, source=str(hits), model="ease", top_n=9)
    assert state.name == "Unchanged", "the same question on the same data is answered already"


def test_a_retry_goes_on_after_the_last_finished_task(
    client: SyncPrefectClient, home: Home, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(publishing, "audit", _explode)
        run, state = start(client, nightly, source=str(demo), model="ease")
    assert state.is_failed()
    assert current_version(home) is None
    done = STAGES[: STAGES.index("publish tables")]

    run, state = retry(client, nightly, run)
    assert state.name == "Published"
    assert run.run_count == 2
    names = {name: task.state_name for name, task in tasks_of(client, run).items()}
    assert names.pop("tune recipe") == "Skipped", "it looks again"
    assert names.pop("check rules") == "Completed", "they are files, which may have changed"
    done = [stage for stage in done if stage not in {"tune recipe", "check rules"}]
    assert names == dict.fromkeys(done, "Cached") | dict.fromkeys(STAGES[-3:], "Completed")


def _metrics(home: Home) -> dict[str, float]:
    lines = home.metrics.read_text(encoding="utf-8").splitlines()
    values = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in values}


def test_bad_data_fails_at_once_and_says_why(client: SyncPrefectClient, home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "movies.csv").write_text("movieId,title,genres\n1,Toys (1995),Comedy\n")
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,1,99,1000000000\n2,1,4,1000000000\n"
    )
    run, state = start(client, nightly, source=str(folder))
    assert state.is_failed()
    assert isinstance(state.result(raise_on_failure=False), TooManyBadRows)
    assert "The previous data stays; mend the files" in str(state.message)
    assert tasks_of(client, run)["ingest files"].run_count == 1, "retrying bad data helps nobody"
    told = _metrics(home)
    assert told["recengine_last_night_success"] == told["recengine_last_success_timestamp_seconds"] == 0
    assert told["recengine_last_failure_timestamp_seconds"] > 0


def test_a_full_disk_is_tried_again(
    client: SyncPrefectClient, home: Home, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    locate = ingesting.locate

    def full_then_free(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        return locate(*given)

    monkeypatch.setattr(ingesting, "locate", full_then_free)
    monkeypatch.setattr(ingest_files, "retry_delay_seconds", 0)
    run, state = start(client, ingest, source=str(demo))
    assert state.is_completed()
    assert (len(calls), tasks_of(client, run)["ingest files"].run_count) == (2, 2)


def test_log_lines_of_the_engine_appear_under_their_task(
    client: SyncPrefectClient, home: Home, demo: Path
) -> None:
    run, _ = start(client, nightly, source=str(demo), model="popularity")
    tasks = tasks_of(client, run, expected=len(STAGES))
    logs_of(
        client,
        tasks["ingest files"].id,
        "recengine.warehouse.history.loads: ingest: small-demo loaded, 6,000 ratings",
    )
    logs_of(client, tasks["publish tables"].id, "recengine.publish: publish: version")


def test_stages_by_hand_run_anew_each_time_and_never_see_another_home(
    client: SyncPrefectClient, home: Home, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(client, nightly, source=str(demo), model="popularity")
    runs = [start(client, publish), start(client, publish)]
    assert [tasks_of(client, run)["publish tables"].state_name for run, _ in runs] == ["Completed"] * 2
    assert len(versions(home)) == 3

    _, state = start(client, train, model="popularity")
    assert str(state.result()).startswith("popularity-")
    monkeypatch.setenv("RECENGINE_HOME", str(tmp_path / "elsewhere"))
    _, state = start(client, features)
    assert "Nothing has been ingested yet" in str(state.message)


def test_two_runs_never_have_the_warehouse_at_once(client: SyncPrefectClient, home: Home, demo: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        given = {"source": str(demo)}
        futures = [pool.submit(ingest, **given, return_state=True) for _ in range(2)]
        assert all(future.result().is_completed() for future in futures)
    with duckdb.connect(str(home.warehouse)) as con:
        assert con.execute("SELECT status FROM ops.loads ORDER BY started_at").fetchall() == [
            ("loaded",),
            ("unchanged",),
        ]


def _explode(*given: object) -> None:
    raise RuntimeError("killed by the test")


def _end(task: Any) -> Any:
    assert task.end_time is not None
    return task.end_time


def test_a_night_that_names_nothing_goes_on_and_another_dataset_needs_force(
    client: SyncPrefectClient, home: Home, demo: Path, tmp_path: Path
) -> None:
    mine = shutil.copytree(demo, tmp_path / "mine")
    _, state = start(client, nightly, source=str(mine), model="popularity", top_n=7)
    assert state.name == "Published", state.message
    _, state = start(client, nightly, model="popularity")
    assert state.name == "Unchanged", state.message
    first = current_version(home)
    for other in ({"dataset": "demo"}, {"source": str(demo)}):
        _, state = start(client, nightly, model="popularity", **other)
        assert state.is_failed()
        assert "'mine' is published in" in str(state.message)
        assert "would replace it: use --force" in str(state.message)
    assert current_version(home) == first
    assert not home.sources.exists()
    _, state = start(client, nightly, source=str(demo), model="popularity", force=True)
    assert state.name == "Published", state.message
