"""The tuning through Prefect: inside a first night, by its own flow, cut off and gone on with."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from flow_runs import artifacts_of, retry, start, tasks_of
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import TaskRun
from prefect.states import Cancelled

from flows.ingest import ingest
from flows.nightly import nightly
from flows.tune import tune
from recengine.config import Home
from recengine.models.ease import Ease
from recengine.serving.versions import current_version
from recengine.tuning import first_night
from recengine.tuning.bench import Bench

pytestmark = pytest.mark.prefect

flow = importlib.import_module("flows.tune")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small demo counts as enough, and there are three trials a split: as it is asked for and two ridges."""
    monkeypatch.setenv("RECENGINE_TUNE__FIRST_NIGHT", "600")
    monkeypatch.setattr(first_night, "LEAST_RATINGS", 1000)
    monkeypatch.setattr(Ease, "searched", {"ridge": (5.0, 5_000.0)})


def test_a_first_night_tunes_and_the_second_does_not(
    client: SyncPrefectClient, home: Home, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ease, "searched", {"ridge": (150.0, 190.0, 210.0, 250.0)})
    monkeypatch.setattr("recengine.tuning.search.is_gain", lambda outcomes, agree: True)  # something moves
    run, state = start(client, nightly, source=str(demo), model="ease")
    assert state.name == "Published", state.message
    task = tune_task(client, run)
    assert task.state_name == "Tuned", task.state
    shown = artifacts_of(client, run)
    assert task.state is not None
    assert "ease" in str(task.state.message)
    assert {"tuning", "trials", "tuning-progress"} <= set(shown)
    trials = json.loads(str(shown["trials"].data))
    assert [row["number"] for row in trials] == list(range(1, len(trials) + 1))
    assert shown["tuning-progress"].data == 100
    page = (home.reports / f"{current_version(home)}.html").read_text()
    assert "<h2>Tuning</h2>" in page

    _, state = start(client, nightly, source=str(demo), model="ease")
    assert state.name == "Unchanged", "what the tuning found is part of what was asked for"
    run, state = start(client, nightly, source=str(demo), model="ease", force=True)
    assert state.name == "Published", state.message
    task = tune_task(client, run)
    assert (task.state_name, task.state and "was tuned" in str(task.state.message)) == ("Skipped", True)
    assert len(numbers(home)) == len(trials)


def test_a_tuning_that_fails_costs_no_night(
    client: SyncPrefectClient, home: Home, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bench, "judge", _explode)
    run, state = start(client, nightly, source=str(demo), model="ease")
    assert state.name == "Published", state.message
    assert tune_task(client, run).state_name == "Failed"


def test_a_tuning_that_was_killed_goes_on_with_its_trials(
    client: SyncPrefectClient, home: Home, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(client, ingest, source=str(demo))
    judge, judged = Bench.judge, []

    def killed(bench: Bench, *given: Any) -> Any:
        judged.append(given)
        if len(judged) == 4:
            raise RuntimeError("killed by the test")
        return judge(bench, *given)

    with monkeypatch.context() as broken:
        broken.setattr(Bench, "judge", killed)
        run, state = start(client, tune, model="ease")
    assert state.is_failed()
    assert numbers(home) == [1, 2, 3]

    monkeypatch.setattr(Bench, "judge", lambda bench, *given: (judged.append(given), judge(bench, *given))[1])
    run, state = retry(client, tune, run)
    assert state.name in ("Tuned", "Unchanged"), state.message
    assert state.message == tune_task(client, run).state.message  # type: ignore[union-attr]
    known = {json.dumps(given) for given in judged[:3]}
    assert not known & {json.dumps(given) for given in judged[4:]}, "a trial that was kept was judged again"
    assert len(numbers(home)) == len(judged) - 1
    assert tunings(home) == [("small-demo", "ease")]


def test_a_tuning_that_is_cancelled_ends_after_its_trial(
    client: SyncPrefectClient, home: Home, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(client, ingest, source=str(demo))
    judge = Bench.judge

    def cancelled_meanwhile(bench: Bench, *given: Any) -> Any:
        from prefect import runtime

        client.set_flow_run_state(runtime.flow_run.id, Cancelled(), force=True)
        return judge(bench, *given)

    monkeypatch.setattr(flow, "SHOWN_SECONDS", 0.0)
    monkeypatch.setattr(Bench, "judge", cancelled_meanwhile)
    run, _ = start(client, tune, model="ease")
    assert "was set to Cancelled" in str(tune_task(client, run).state.message)  # type: ignore[union-attr]
    assert (numbers(home), tunings(home)) == ([1], [])


def tune_task(client: SyncPrefectClient, run: Any) -> TaskRun:
    """The task that tuned, of a run's last attempt."""
    return tasks_of(client, run)["tune recipe"]


def numbers(home: Home) -> list[int]:
    """The numbers of the trials that were kept."""
    with duckdb.connect(str(home.warehouse)) as con:
        return [number for (number,) in con.execute("SELECT number FROM ops.trials ORDER BY 1").fetchall()]


def tunings(home: Home) -> list[tuple[str, str]]:
    """Dataset and model of the searches that ended."""
    with duckdb.connect(str(home.warehouse)) as con:
        return con.execute("SELECT dataset, model FROM ops.tunings").fetchall()


def _explode(*given: Any) -> None:
    raise RuntimeError("broken by the test")
