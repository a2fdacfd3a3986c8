"""A night after a small change of large data: the verdict stands, training goes on from the published model."""

from __future__ import annotations

import json
from typing import Any

import engine_homes
import numpy as np
import pytest

from recengine import features, publish, score, train
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.stages import ReuseConfig, ScoreConfig, TrainConfig
from recengine.models import make, store
from recengine.models.hybrid import Hybrid
from recengine.models.store import Recipe
from recengine.selection import reuse as continuing
from recengine.selection.reuse import _places, standing, warm_start_of
from recengine.selection.verdict import Selection
from recengine.warehouse.connection import warehouse

ANY_SIZE = ReuseConfig(least_ratings=0)
QUICK: dict[str, Any] = {"stars": {"sweeps": 40, "burn_in": 10, "most_work": 1}, "boost": {"most_users": 50}}
GOING: dict[str, dict[str, Any]] = {"hybrid": QUICK, "ease": {}}


def night(home: Home, config: TrainConfig) -> train.TrainReport:
    """Train and publish."""
    with warehouse(home.warehouse) as con:
        folder = features.build(con, home).folder
    report = train.train(home, folder, config)
    assert report.model_id is not None
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, report.model_id, ScoreConfig(top_n=5, similar_n=3))
        publish.publish(con, home, force=True)
    return report


def grow(home: Home, ratings: int) -> Snapshot:
    """A new user, before all others by id, rates the first movies."""
    with warehouse(home.warehouse) as con:
        [(user,)] = con.execute("SELECT min(user_id) - 1 FROM core.users").fetchall()
        [(table,)] = con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'ratings@_%' ESCAPE '@'"
        ).fetchall()
        con.execute(
            f"INSERT INTO raw.{table} SELECT {user}, movie_id, 4, (SELECT epoch(max(rated_at)) FROM core.ratings) "
            f"FROM core.movies ORDER BY movie_id LIMIT {ratings}"
        )
        con.execute(
            f"INSERT INTO core.users BY NAME SELECT {user} AS user_id, 'F' AS gender, 30 AS age, "
            "'writer' AS occupation, count(*) AS ratings, min(rated_at) AS first_rated_at, "
            f"max(rated_at) AS last_rated_at FROM core.ratings WHERE user_id = {user}"
        )
        con.execute("UPDATE ops.dataset SET input_fingerprint = input_fingerprint || '-grown'")
        return Snapshot.load(features.build(con, home).folder)


def test_the_verdict_stands_while_the_data_hardly_grew(home: Home) -> None:
    config = TrainConfig(model="ease", reuse=ANY_SIZE)
    first = night(home, config)
    snapshot = grow(home, 9)
    second = night(home, config)
    assert (set(first.judgements), second.judgements) == ({"challenger", "popularity"}, {})
    assert "ease stands: since then the ratings grew by 0.9" in second.selection.reason
    assert second.selection.metrics == first.selection.metrics
    assert second.selection.judged == first.selection.judged
    assert store.manifest_of(home, str(second.model_id)).snapshot == snapshot.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        {"reuse": ReuseConfig()},  # too small
        {"reuse": ReuseConfig(least_ratings=0, from_scratch=True)},
        {"reuse": ReuseConfig(least_ratings=0, max_changed_share=0.005)},
        {"model": "sae"},
        {"seed": 1},
        {"holdout_share": 0.3},
    ],
)
def test_the_gate_judges_where_more_than_that_changed(home: Home, other: dict[str, object]) -> None:
    config = TrainConfig(model="ease", reuse=ANY_SIZE)
    night(home, config)
    snapshot = grow(home, 9)
    assert standing(home, snapshot, config) is not None
    assert standing(home, snapshot, config.model_copy(update=other)) is None


def replaced(home: Home, share: float) -> Snapshot:
    """As many ratings as before, a share of them others: what a window of the last months does."""
    with warehouse(home.warehouse) as con:
        [(table,)] = con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'ratings@_%' ESCAPE '@'"
        ).fetchall()
        columns = [
            name
            for (name,) in con.execute(
                "SELECT column_name FROM duckdb_columns() WHERE table_name = ? AND column_name LIKE '%at'",
                [table],
            ).fetchall()
        ]
        con.execute(
            f"UPDATE raw.{table} SET {columns[0]} = {columns[0]} + 86400 WHERE rowid % 1000 < {share * 1000}"
        )
        con.execute("UPDATE ops.dataset SET input_fingerprint = input_fingerprint || '-replaced'")
        return Snapshot.load(features.build(con, home).folder)


@pytest.mark.parametrize(("share", "stands"), [(0.005, True), (0.1, False), (1.0, False)])
def test_a_verdict_ends_where_the_ratings_are_others(home: Home, share: float, stands: bool) -> None:
    config = TrainConfig(model="ease", reuse=ANY_SIZE)
    night(home, config)
    snapshot = replaced(home, share)
    assert (standing(home, snapshot, config) is not None) is stands


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        ({}, ""),
        ({"judged": {"at": "2020-01-01T00:00:00"}}, "days old, more than 30"),
        ({"judged": {"code": "other"}}, "code or a library is another"),
        ({"code": "other"}, "code or a library is another"),
        ({"code": "", "sketch": ""}, "code or a library is another"),  # as 0.1.0 stored it
        ({"sketch": ""}, "100.00% of the ratings came, left or changed"),
        ({"config": {"bygone": 1}}, "another recipe"),
    ],
)
def test_a_verdict_ends_and_says_why(
    home: Home, change: dict[str, Any], ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = TrainConfig(model="ease", reuse=ANY_SIZE)
    path = home.models / str(night(home, config).model_id) / "manifest.json"
    manifest = json.loads(path.read_text())
    for name, value in change.items():
        manifest[name] = manifest[name] | value if isinstance(value, dict) else value
    path.write_text(json.dumps(manifest))
    [folder] = home.snapshots.iterdir()
    with caplog.at_level("INFO"):
        assert (standing(home, Snapshot.load(folder), config) is None) is bool(ends)
    assert ends in caplog.text


def test_training_starts_from_the_published_model(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    earlier = engine_homes.trained(home, folder, "hybrid", **QUICK)
    snapshot, model = grow(home, 9), make("hybrid", **QUICK)
    start = warm_start_of(home, snapshot, model, earlier)
    assert start is not None
    np.testing.assert_array_equal(start.users, np.arange(-1, snapshot.users - 1))
    np.testing.assert_array_equal(start.movies, np.arange(snapshot.movies))
    assert store.id_of(model, snapshot, earlier) != store.id_of(model, snapshot)

    fits = [make("hybrid", **QUICK).warm_start_from(start).fit(snapshot) for _ in range(2)]
    for name, tensor in fits[0].state().items():
        np.testing.assert_array_equal(tensor.numpy(), fits[1].state()[name].numpy(), err_msg=name)
    [hybrid, _] = fits
    assert isinstance(hybrid, Hybrid)
    assert isinstance(start.model, Hybrid)
    assert len(hybrid.history) == 11  # one sweep of burn-in, ten averaged
    np.testing.assert_array_equal(
        np.asarray(hybrid.recency.strengths), np.asarray(start.model.recency.strengths)
    )


def test_a_model_names_what_it_started_from(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    earlier = {name: engine_homes.trained(home, folder, name, **config) for name, config in GOING.items()}
    snapshot = grow(home, 9)
    for name, config in GOING.items():
        recipe = Recipe(model=name, config=config)
        selection = Selection(action="publish", recipe=recipe, reason="", metrics={}, continues=earlier[name])
        model_id = train.fit(home, home.snapshots / snapshot.fingerprint, selection)
        begun_at = earlier[name] if name == "hybrid" else None  # ease begins anew, and says so
        assert store.manifest_of(home, model_id).started_from == begun_at


def test_what_is_no_start(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    earlier, model = engine_homes.trained(home, folder, "hybrid", **QUICK), make("hybrid", **QUICK)
    snapshot = grow(home, 9)
    assert warm_start_of(home, snapshot, model, earlier) is not None
    assert warm_start_of(home, snapshot, make("hybrid", **QUICK, seed=1), earlier) is None
    assert warm_start_of(home, snapshot, make("ease"), earlier) is None
    assert warm_start_of(home, _without_first_user(_without_first_user(snapshot)), model, earlier) is None
    (home.models / earlier / "ids.safetensors").unlink()  # as older versions stored it
    assert warm_start_of(home, snapshot, model, earlier) is None
    assert warm_start_of(home, snapshot, model, "gone") is None


def test_a_model_of_other_code_is_no_start(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    [folder] = home.snapshots.iterdir()
    earlier, model = engine_homes.trained(home, folder, "hybrid", **QUICK), make("hybrid", **QUICK)
    snapshot = Snapshot.load(folder)
    assert warm_start_of(home, snapshot, model, earlier) is not None
    monkeypatch.setattr(continuing, "code_of", lambda kind: "other code")
    assert warm_start_of(home, snapshot, model, earlier) is None


def _without_first_user(snapshot: Snapshot) -> Snapshot:
    return snapshot.of_users(np.arange(1, snapshot.users))


def test_places_of_ids() -> None:
    now = np.array([1, 3, 4, 9])
    np.testing.assert_array_equal(_places(np.array([3, 9]), now), [-1, 0, -1, 1])
    np.testing.assert_array_equal(_places(np.zeros(0, dtype=np.int64), now), [-1] * 4)
