"""Which place's word counts for a knob, and how what cannot be is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recengine.errors import BadInput
from recengine.knobs.sources import InForce, Knobs, field_of, in_force, told_where, value_of
from recengine.knobs.stages import GateConfig
from recengine.selection.candidates import asked_recipe


def told(home: Path, toml: str = "", **places: Any) -> InForce:
    (home / "recengine.toml").write_text(toml)
    return in_force(home, **({"environment": {}} | places))


def test_the_strongest_word_counts_knob_by_knob(tmp_path: Path) -> None:
    form = {"train.seed": 1, "train.gate": GateConfig(tolerance=0.5), "score.top_n": 9}
    environment = {"RECENGINE_TRAIN__SEED": "2", "RECENGINE_SCORE__TOP_N": "8", "RECENGINE_HOME": "/x"}
    found = told(
        tmp_path,
        "[train]\nseed = 3\nholdout_share = 0.3\n\n[train.gate]\nmetric = 'map@5'\n",
        environment=environment,
        form=form,
        options={"train.seed": 4, "train.model": "ease", "train.recency": None},
        said=["train.seed = 5", "publish.guard.max_head=0.8"],
    )
    expected = {
        "train.seed": (5, "--set"),
        "train.model": ("ease", "--model"),
        "train.recency": ("auto", "default"),
        "train.holdout_share": (0.3, "recengine.toml, line 3"),
        "train.gate.metric": ("map@5", "recengine.toml, line 6"),
        "train.gate.tolerance": (0.5, "the form"),
        "score.top_n": (8, "environment variable RECENGINE_SCORE__TOP_N"),
        "publish.guard.max_head": (0.8, "--set"),
        "publish.guard.min_kept": (0.02, "default"),
    }
    assert {knob: (value_of(found.knobs, knob), found.origin(knob)) for knob in expected} == expected


def test_nothing_told_is_the_defaults_and_makes_nothing(tmp_path: Path) -> None:
    found = in_force(
        tmp_path / "nowhere", environment={"RECENGINE_THREADS": "2", "RECENGINE_TRAIN__SEED": ""}
    )
    assert found.knobs == Knobs()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("toml", "places", "sentence"),
    [
        (
            "[train]\n\nsead = 5",
            {},
            "recengine.toml, line 3: There is no knob train.sead; did you mean seed?",
        ),
        ("[trian]\nseed = 5", {}, "recengine.toml, line 2: There is no knob trian; did you mean train?"),
        (
            "[train]\nseed = 'x'",
            {},
            "recengine.toml, line 2: train.seed is 'x'; it should be a valid integer",
        ),
        ("seed 5", {}, "recengine.toml is no TOML (Expected '=' after a key in a key/value pair (at line 1"),
        ("", {"said": ["train.seed"]}, "--set train.seed: write a knob and its value"),
        ("", {"said": ["train.gate=3"]}, "--set: train.gate is 3; it should be a valid dictionary"),
        (
            "",
            {"said": ["a.b=3"]},
            "--set: There is no knob a; choose one of ingest, train, tune, score, publish,",
        ),
        ("", {"options": {"score.top_n": 5000}}, "--top-n: score.top_n is 5000; it should be less than or"),
        (
            "",
            {"environment": {"RECENGINE_TRIAN__SEED": "5"}},
            "RECENGINE_TRIAN__SEED names no stage; did you",
        ),
        (
            "",
            {"environment": {"RECENGINE_TRAIN__SEDE": "5"}},
            "environment variable RECENGINE_TRAIN__SEDE: There is no knob train.sede; did you mean seed?",
        ),
        (
            "",
            {"environment": {"RECENGINE_TRAIN": "{"}},
            "environment variable RECENGINE_TRAIN: train is '{'; it should be a valid dictionary",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence_that_says_where(
    tmp_path: Path, toml: str, places: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadInput) as refused:
        told(tmp_path, toml, **places)
    assert sentence in str(refused.value)


def test_a_models_own_knob_says_where_it_was_told(tmp_path: Path) -> None:
    found = told(tmp_path, environment={"RECENGINE_TRAIN__KNOBS__RANKING__RIDGE": "500"})
    assert asked_recipe(found.knobs.train).config["ranking"] == {"ridge": 500.0}
    found = told(tmp_path, "[train.knobs]\nranking.rigde = 5")
    with (
        pytest.raises(BadInput, match=r"recengine.toml, line 2: .*ranking.rigde; did you mean ridge\?"),
        told_where(found),
    ):
        asked_recipe(found.knobs.train)


def test_names_of_an_earlier_release_are_read(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        "[train.carry]\ngrowth = 0.05",
        said=["train.gate.draws=500"],
        form={"train.carry": {"days": 3}},
    )
    assert found.origin("train.reuse.max_changed_share") == "recengine.toml, line 2"
    assert (found.knobs.train.reuse.max_changed_share, found.knobs.train.reuse.max_days) == (0.05, 3)
    assert found.knobs.train.gate.bootstrap_samples == 500


def test_every_knob_has_words_and_a_default() -> None:
    for stage, field in Knobs.model_fields.items():
        for name in type(field.default).model_fields:
            assert len(field_of(f"{stage}.{name}").description or "") > 10, f"{stage}.{name}"


def test_lists_and_tables_in_the_environment_are_json_toml_or_a_bare_name(tmp_path: Path) -> None:
    environment = {
        "RECENGINE_TRAIN": '{"seed": 3}',
        "RECENGINE_TRAIN__KNOBS__BOOST__HALF_LIVES": "[3, 7]",
        "RECENGINE_PUBLISH__EXPORTS": "parquet",
    }
    found = told(tmp_path, environment=environment)
    assert (found.knobs.train.seed, found.knobs.publish.exports) == (3, ("parquet",))
    assert asked_recipe(found.knobs.train).config["boost"] == {"half_lives": [3, 7]}


def test_the_engine_is_told_in_all_places(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        '[cluster]\nray_address = "auto"\n',
        environment={"RECENGINE_CLUSTER__ENGINE": "ray"},
        form={"cluster.ray_address": "ray://head:10001"},
    )
    assert (found.knobs.cluster.engine, found.knobs.cluster.ray_address) == ("ray", "auto")
    said = told(tmp_path, options={"cluster.engine": "local"})
    assert (said.knobs.cluster.engine, said.origin("cluster.engine")) == ("local", "--engine")
    with pytest.raises(BadInput, match=r"^--ray-address: "):
        told(tmp_path, options={"cluster.ray_address": "ray head"})
