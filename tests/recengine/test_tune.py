"""The stage: what is found, kept, taken up again and challenged with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dials import Dial, of_kinds

from recengine.config import Home
from recengine.knobs.stages import TrainConfig, TuneConfig
from recengine.selection.candidates import asked_recipe, challenger_of
from recengine.tune import TuneReport, tune, tuned_on
from recengine.warehouse.connection import warehouse
from recengine.warehouse.history import trials

DIAL = "dials:Dial"
TRAIN = TrainConfig(model=DIAL)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    of_kinds(0).save(home.snapshots / "planted")
    Dial.fits.clear()
    return home


def tuned(home: Home, train: TrainConfig = TRAIN, seconds: float = 60, **config: Any) -> TuneReport:
    return tune(home, home.snapshots / "planted", TuneConfig(**config), train, seconds=seconds)


def rows(home: Home, query: str) -> list[tuple[Any, ...]]:
    with warehouse(home.warehouse) as con:
        return con.execute(query).fetchall()


def test_a_knob_that_matters_leaves_its_default_and_luck_does_not(home: Home) -> None:
    report = tuned(home)
    assert report.knobs == {"taste": 0.5}
    assert report.recipe.config == {"seed": 0, "taste": 0.5}
    assert report.complete
    assert report.default is not None
    assert report.tuned is not None
    assert report.tuned > 1.2 * report.default
    assert report.gains["taste"] == pytest.approx(report.tuned - report.default)
    assert "taste 0.0 -> 0.5; ndcg@10" in report.said
    assert report.trials == rows(home, "SELECT count(*) FROM ops.trials")[0][0]


def test_in_pure_noise_everything_stays_at_its_default() -> None:
    """Whatever there is is rated by anybody: neither dial can tell, on any of these data."""
    moved = [
        report.knobs
        for seed in range(6)
        if (report := tuned_on(of_kinds(seed, loyalty=0.0), asked_recipe(TRAIN), TuneConfig(), TRAIN)).knobs
    ]
    assert moved == []
    assert "stays as it is asked for: no value gained more than chance would" in report.said


def test_one_seed_and_data_give_the_same_trials(home: Home, tmp_path: Path) -> None:
    other = Home.at(tmp_path / "other")
    of_kinds(0).save(other.snapshots / "planted")
    tuned(home)
    tuned(other)
    figures = "SELECT * EXCLUDE (seconds, tried_at) FROM ops.trials ORDER BY number"
    assert rows(home, figures) == rows(other, figures)


def test_what_is_kept_of_a_search(home: Home) -> None:
    report = tuned(home)
    with warehouse(home.warehouse) as con:
        kept = [trial for trial in trials.trials_of(con, report.search) if trial.kept]
        tuning = trials.newest(con, "planted")
    assert [(trial.knobs, trial.against, trial.split) for trial in kept] == [
        ({"taste": 0.5}, {}, split) for split in (1, 2, 3)
    ]
    assert tuning is not None
    assert (tuning.model, tuning.knobs, tuning.said) == (DIAL, {"taste": 0.5}, report.said)
    assert (tuning.untuned, tuning.tuned) == (report.default, report.tuned)


def test_a_stopped_search_goes_on_from_its_trials(home: Home) -> None:
    whole = Home.at(home.root / "whole")
    of_kinds(0).save(whole.snapshots / "planted")
    expected = tuned(whole)
    first = tuned(home, trials=5)
    assert (first.trials, first.complete, first.knobs) == (5, False, {})
    assert "the next tuning goes on from there" in first.said
    Dial.fits.clear()
    second = tuned(home)
    assert second.model_dump(exclude={"seconds", "said"}) == expected.model_dump(exclude={"seconds", "said"})
    fitted = len(Dial.fits)
    Dial.fits.clear()
    tuned(whole)
    assert not Dial.fits  # all is known
    assert fitted < expected.trials
    assert rows(home, "SELECT count(*), count(DISTINCT number) FROM ops.trials") == [
        (expected.trials, expected.trials)
    ]
    assert rows(home, "SELECT count(*) FROM ops.tunings") == [(1,)]


def test_a_spent_budget_ends_it_before_the_next_trial(home: Home) -> None:
    report = tuned(home, seconds=0)
    assert not report.complete
    assert report.knobs == {}
    assert report.trials == 0


def test_the_newest_tuning_challenges_under_what_is_asked_by_hand(home: Home) -> None:
    assert challenger_of(home, "planted", TRAIN) == asked_recipe(TRAIN)
    tuned(home)
    assert challenger_of(home, "planted", TRAIN).config == {"seed": 0, "taste": 0.5}
    assert challenger_of(home, "elsewhere", TRAIN) == asked_recipe(TRAIN)
    asked = TRAIN.model_copy(update={"knobs": {"taste": 0.25}, "seed": 3})
    assert challenger_of(home, "planted", asked).config == {"seed": 3, "taste": 0.25}
    assert challenger_of(home, "planted", TrainConfig()) == asked_recipe(TrainConfig())


def test_a_knob_told_by_hand_is_not_searched(home: Home) -> None:
    report = tuned(home, TRAIN.model_copy(update={"knobs": {"taste": 0.0}}))
    assert report.knobs == {}
    assert {fit["taste"] for fit in Dial.fits} == {0.0}


def test_a_model_that_names_no_knobs_is_told_so_and_nothing_is_kept(home: Home) -> None:
    report = tuned(home, TrainConfig(model="popularity"))
    assert report.said == "popularity stays as it is asked for: it names no knobs to search."
    assert (report.trials, report.default) == (0, None)
    assert rows(home, "SELECT count(*) FROM ops.tunings") == [(0,)]


def test_old_trials_go_but_those_of_the_newest_tuning(home: Home) -> None:
    tuned(home)
    with warehouse(home.warehouse) as con:
        con.execute("UPDATE ops.trials SET tried_at = tried_at - INTERVAL 100 DAY")
        assert trials.prune(con, 30) == 0
        con.execute("UPDATE ops.trials SET search = 'another' WHERE number < 4")
        assert trials.prune(con, 30) == 3
