"""Which nights tune before they judge, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.stages import TrainConfig, TuneConfig
from recengine.models.ease import Ease
from recengine.tune import tune
from recengine.tuning import first_night
from recengine.warehouse.connection import warehouse

EASE = TrainConfig(model="ease")
SHORT = TuneConfig(first_night=600)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, small: Snapshot) -> None:
    """The small release is just enough."""
    monkeypatch.setattr(first_night, "LEAST_RATINGS", small.ratings.nnz)
    monkeypatch.setattr(first_night, "LEAST_USERS", len(small.user_ids))
    monkeypatch.setattr(Ease, "searched", {"ridge": (5.0, 5_000.0)})


def said(home: Home, folder: Path, config: TuneConfig = SHORT, train: TrainConfig = EASE) -> str:
    """What a night on this home is told."""
    with warehouse(home.warehouse) as con:
        return first_night.objection(con, home, folder, config, train)


def test_the_first_night_tunes_and_those_after_a_tuning_do_not(tmp_path: Path, snapshot_folder: Path) -> None:
    home = Home.at(tmp_path)
    assert said(home, snapshot_folder) == ""
    tune(home, snapshot_folder, SHORT, EASE)
    assert "ease was tuned for generated on 2" in said(home, snapshot_folder)
    assert "was tuned" not in said(home, snapshot_folder, train=TrainConfig(model="hybrid"))


def test_a_published_home_is_left_to_the_flow(published_home: Home, snapshot_folder: Path) -> None:
    assert "is published: this is no first night" in said(published_home, snapshot_folder)


def test_a_night_that_could_find_nothing_is_not_tuned(
    tmp_path: Path, snapshot_folder: Path, small: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.at(tmp_path)
    assert said(home, snapshot_folder, TuneConfig(first_night=0)) == "Not asked for: tune.first_night is 0."
    assert "popularity names no knobs" in said(home, snapshot_folder, train=TrainConfig(model="popularity"))
    told = TrainConfig(model="ease", knobs={"ridge": 7.0})
    assert "ease" in said(home, snapshot_folder, train=told), "the only knob that it searches is told"
    monkeypatch.setattr(first_night, "LEAST_RATINGS", small.ratings.nnz + 1)
    assert f"{small.ratings.nnz:,} ratings of" in said(home, snapshot_folder)
    monkeypatch.setattr(first_night, "LEAST_RATINGS", 0)
    monkeypatch.setattr(first_night, "LEAST_USERS", len(small.user_ids) + 1)
    assert "cannot tell recipes apart" in said(home, snapshot_folder)
