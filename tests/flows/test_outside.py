"""A model, a reader and an exporter of another package through the nightly flow."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import outsiders
import pytest
from flow_runs import start
from inboxes import inbox
from prefect.client.orchestration import SyncPrefectClient

from flows.nightly import nightly
from recengine.config import Home
from recengine.models import store
from recengine.serving import queries as reading
from recengine.serving.versions import current_version

pytestmark = pytest.mark.prefect


def test_a_night_publishes_a_model_that_only_ranks(
    client: SyncPrefectClient, home: Home, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{outsiders.package(tmp_path / 'elsewhere', monkeypatch)}:Ranker"
    _, state = start(client, nightly, source=str(demo), model=name)
    assert (state.name, f"{name} published: good enough" in str(state.message)) == ("Published", True), (
        state.message
    )
    [model] = store.stored(home)
    assert (model.model, model.model_id.partition("-")[0]) == (name, "ranker")
    assert model.metrics["ndcg@10"] > 0
    assert "rmse" not in model.metrics
    lists = reading.sql(
        home,
        "SELECT count(*) AS n, count(score) AS scores, count(predicted_rating) AS stars FROM recommendations",
    )
    assert lists.to_dict("records") == [{"n": 1500, "scores": 1500, "stars": 0}]
    about = reading.sql(home, "SELECT model_id, metrics FROM publication")
    assert about["model_id"][0] == model.model_id
    assert json.loads(about["metrics"][0])["measured_model"] == name
    page = (home.reports / f"{current_version(home)}.html").read_text()
    assert model.model_id in page

    _, state = start(client, nightly, source=str(demo), model=name)
    assert state.name == "Unchanged", state.message
    with (tmp_path / "elsewhere/outside/ranking.py").open("a") as source:
        source.write("# the next version\n")
    outsiders.forget("outside", monkeypatch)
    _, state = start(client, nightly, source=str(demo), model=name)
    assert state.name == "Published", "another version of the model is another model"


@pytest.mark.slow
def test_the_champion_that_is_gone_gives_way(
    client: SyncPrefectClient, home: Home, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{outsiders.package(tmp_path / 'elsewhere', monkeypatch)}:Ranker"
    start(client, nightly, source=str(demo), model=name)
    (tmp_path / "elsewhere/outside/ranking.py").unlink()
    outsiders.forget("outside", monkeypatch)
    _, state = start(client, nightly, source=str(demo), model="ease")
    assert state.name == "Published", state.message
    assert store.stored(home)[0].model == "ease"


def test_a_night_publishes_the_example_over_implicit(
    client: SyncPrefectClient, home: Home, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "docs" / "examples"))
    _, state = start(client, nightly, source=str(demo), model="implicit_model:Implicit")
    assert state.name == "Published", state.message
    [model] = store.stored(home)
    assert (model.model, model.config["kind"]) == ("implicit_model:Implicit", "als")
    lists = reading.sql(home, "SELECT count(*) AS n, count(predicted_rating) AS stars FROM recommendations")
    assert lists.to_dict("records") == [{"n": 1500, "stars": 0}]


@pytest.mark.slow
def test_nights_over_a_reader_of_another_package(
    client: SyncPrefectClient, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outsiders.package(tmp_path / "elsewhere", monkeypatch)
    shop = outsiders.shop(tmp_path / "shop")
    _, state = start(client, nightly, source=str(shop), model="popularity")
    assert state.name == "Published", state.message
    assert reading.sql(home, "SELECT DISTINCT dataset FROM publication")["dataset"][0] == "shop"
    with sqlite3.connect(shop / "shop.db") as con:
        con.execute("INSERT INTO orders VALUES (31, 3, 5, 1600100000)")
    _, state = start(client, nightly, model="popularity")  # goes on with what is published
    assert state.name == "Published", state.message
    assert reading.sql(home, "SELECT count(*) AS n FROM users")["n"][0] == 31


def test_a_night_exports_and_a_failing_exporter_is_told(
    client: SyncPrefectClient, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outsiders.package(tmp_path / "elsewhere", monkeypatch)
    exports = ["parquet", "outside.exporting:Failing", "outside.exporting:Counting"]
    with inbox() as found:
        monkeypatch.setenv("RECENGINE_WEBHOOK_URL", found.url)
        shop = outsiders.shop(tmp_path / "shop")
        _, state = start(client, nightly, source=str(shop), model="popularity", exports=exports)
    assert state.name == "Published", state.message
    assert (home.exports / "parquet" / "recommendations.parquet").exists()
    assert (home.root / "counted").read_text() == "30"
    [message] = found.messages
    assert "not exported (outside.exporting:Failing: ConnectionError: the bucket is away)" in message["text"]
