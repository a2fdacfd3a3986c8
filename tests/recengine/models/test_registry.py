"""Models by name, import path and entry point; what is none of these gets one sentence."""

from __future__ import annotations

from pathlib import Path

import outsiders
import pytest
from pydantic import TypeAdapter, ValidationError

from recengine.errors import BadInput, BadSource
from recengine.knobs.stages import TrainConfig
from recengine.models import MODELS, checked_model, make, store
from recengine.models.base import Model
from recengine.models.recipes import Recipe, recipe_for, understood
from recengine.models.registry import ModelName, code_of, kind_of, path_of
from recengine.runtime.identity import code_identity
from recengine.selection.candidates import asked_recipe


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return outsiders.package(tmp_path / "elsewhere", monkeypatch)


def test_by_name_by_import_path_and_by_entry_point(outside: str, tmp_path: Path) -> None:
    assert kind_of("ease") is MODELS["ease"]
    ranker = kind_of(f"{outside}:Ranker")
    assert issubclass(ranker, Model)
    outsiders.offer(tmp_path / "elsewhere", "recengine.models", "liked", f"{outside}:Ranker")
    assert kind_of("liked") is ranker
    for name in ("liked", f"{outside}:Ranker"):
        assert checked_model(name) == path_of(ranker) == f"{outside}:Ranker"
        assert recipe_for(name, prior=3, recency="off", seed=1) == Recipe(
            model=f"{outside}:Ranker", config={"seed": 1, "prior": 3}
        )
    assert ranker.name == "ranker"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("hybird", r"There is no model 'hybird'; did you mean hybrid\? Choose one of popularity, sae,"),
        ("{}:Rankre", r"There is no 'Rankre' in outside.ranking \(did you mean Ranker\?\)"),
        ("nowhere.at.all:Model", "cannot be imported .*No module named 'nowhere'.*PYTHONPATH"),
        ("outside.broken:Model", r"cannot be imported \(ZeroDivisionError: division by zero\); mend it"),
        ("{}:function", "no model: it is not a subclass of recengine.models.base.Model"),
        ("{}:Unfinished", "no model: it does not define fit, restore, score, state"),
        ("{}:Hybrid", "no model: its name 'hybrid' is that of a built-in model"),
        ("{}:", "is no import path of a model; write package.module:Name"),
    ],
)
def test_what_is_no_model_gets_one_sentence(outside: str, name: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        kind_of(name.format(outside))
    with pytest.raises(BadInput, match=sentence):
        asked_recipe(TrainConfig(model=name.format(outside)))
    with pytest.raises(ValidationError, match=sentence):
        TypeAdapter(ModelName).validate_python(name.format(outside))


def test_knobs_of_a_stranger_are_checked_by_its_config(outside: str) -> None:
    model = f"{outside}:Ranker"
    with pytest.raises(BadInput, match=r"There is no knob train.knobs.piror; did you mean prior\?"):
        asked_recipe(TrainConfig(model=model, knobs={"piror": 3}))
    recipe = asked_recipe(TrainConfig(model=model, knobs={"prior": 17}, seed=5))
    assert recipe == Recipe(model=model, config={"seed": 5, "prior": 17.0})
    assert make(recipe.model, **recipe.config).config.prior == 17


def test_a_strangers_code_counts(outside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {code_of(kind) for kind in MODELS.values()} == {code_identity()}
    before = code_of(kind_of(f"{outside}:Ranker"))
    assert before != code_identity()
    with (tmp_path / "elsewhere/outside/ranking.py").open("a") as source:
        source.write("# another version\n")
    outsiders.forget("outside", monkeypatch)
    assert code_of(kind_of(f"{outside}:Ranker")) != before


def test_a_model_that_is_gone(outside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from recengine.config import Home
    from recengine.testing.planted import tiny

    home, data, model = Home.at(tmp_path / "home"), tiny(), make(f"{outside}:Ranker").fit(tiny())
    manifest = store.Manifest.of(model, data, seconds=1.0)
    store.save(home, model, manifest, data)
    assert manifest.model_id.startswith("ranker-")
    assert store.load(home, manifest.model_id).state()["together"].equal(model.state()["together"])
    assert understood(manifest.recipe) == (manifest.recipe, ())

    outsiders.forget("outside", monkeypatch)
    (tmp_path / "elsewhere/outside/ranking.py").unlink()
    assert understood(manifest.recipe) == (None, ())
    with pytest.raises(
        BadSource, match=r"is a 'outside.ranking:Ranker' that cannot be had here: .*`recengine train`"
    ):
        store.load(home, manifest.model_id)
