"""Knobs through the form, the home's file, the environment and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import stage_commands
import torch
from flow_runs import start
from prefect.client.orchestration import SyncPrefectClient
from test_forms import fields_of

from flows.nightly import nightly
from flows.support.form import by_todays_names, command_line
from flows.tune import tune
from recengine.config import Home
from recengine.knobs.listing import rows
from recengine.knobs.sources import in_force
from recengine.models.base import ModelConfig
from recengine.serving import queries as reading


def test_the_nightly_form_reaches_every_knob(tmp_path: Path) -> None:
    listed = {row["knob"] for row in rows(in_force(tmp_path, environment={}), ModelConfig)}
    ingest = {f"limits.{knob.partition('.')[2]}" for knob in listed if knob.startswith("ingest.")}
    retention = {knob for knob in listed if knob.startswith("retention.")}
    weekly = {"budget", "agree", "trials"}  # a night tunes once, for the seconds of first_night
    others = {knob.partition(".")[2] for knob in listed if not knob.startswith(("ingest.", "retention."))}
    assert weekly <= set(fields_of(tune))
    assert ingest | retention | (others - weekly) | {"knobs"} <= set(fields_of(nightly))
    assert len(ingest | retention | others) > 30


def test_what_an_earlier_release_stored_is_read() -> None:
    stored = {
        "top_n": 7,
        "carry": {"growth": 0.05, "days": 3, "from_scratch": False},
        "gate": {"draws": 500, "metric": "map@5"},
    }
    assert by_todays_names(stored) == {
        "top_n": 7,
        "reuse": {"max_changed_share": 0.05, "max_days": 3, "from_scratch": False},
        "gate": {"bootstrap_samples": 500, "metric": "map@5"},
    }
    found = nightly.validate_parameters(stored)
    assert (found["reuse"].max_days, found["gate"].bootstrap_samples) == (3, 500)


@pytest.mark.prefect
@pytest.mark.slow
def test_the_homes_file_counts_over_the_form_and_a_turned_knob_is_another_request(
    client: SyncPrefectClient, home: Home, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def states() -> list[str | None]:
        asked = {"source": str(demo), "model": "popularity", "top_n": 6}
        return [start(client, nightly, **asked)[1].name for _ in range(2)]

    def published() -> int:
        return int(reading.sql(home, "SELECT max(rank) AS n FROM recommendations")["n"][0])

    assert (states(), published()) == (["Published", "Unchanged"], 6)
    file = home.root / "recengine.toml"
    file.write_text("[score]\ntop_n = 8\n")
    assert (states(), published()) == (["Published", "Unchanged"], 8)
    file.write_text("[score]\ntop_n = 8\n[publish]\nguard.max_head = 0.95\n")
    assert states() == ["Published", "Unchanged"]
    with command_line(["score.top_n=5"], {}):
        assert (states(), published()) == (["Published", "Unchanged"], 5)
    monkeypatch.setenv("RECENGINE_TRAIN__HOLDOUT_SHARE", "0.3")
    file.write_text("[train]\nsead = 8\n")
    _, state = start(client, nightly, source=str(demo))
    assert state.is_failed()
    assert "recengine.toml, line 2: There is no knob train.sead; did you mean seed?" in str(state.message)


def test_config_says_what_is_in_force_and_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECENGINE_SCORE__SIMILAR_N", "7")
    told = ("--set", "train.model=ease", "--set", "train.knobs.ridge=500", "--format", "json")
    assert stage_commands.start("config", "--home", tmp_path / "none", *told) == 0
    listed = {row["knob"]: (row["value"], row["from"]) for row in json.loads(capsys.readouterr().out)}
    assert listed["train.knobs.ridge"] == ("500.0", "--set")
    assert listed["score.similar_n"] == ("7", "environment variable RECENGINE_SCORE__SIMILAR_N")
    assert listed["score.top_n"] == ("10", "default")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", ["config", "run", "train", "ingest", "score", "publish", "evaluate"])
def test_every_command_refuses_an_unknown_knob_before_it_makes_anything(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--home", tmp_path / "none", "--set", "train.holdout_shar=0.1")
    assert stage_commands.start(command, *given) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "Error: --set: There is no knob train.holdout_shar; did you mean holdout_share?" in said
    assert not (tmp_path / "none").exists()


def test_a_device_that_is_not_there_is_told_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for command in ("run", "train", "score", "evaluate"):
        assert stage_commands.start(command, "--home", tmp_path / "none", "--device", "mps") == 2
        assert "There is no device 'mps' on this machine" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "none").exists()
