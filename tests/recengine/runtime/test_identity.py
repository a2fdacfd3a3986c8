"""What was made by other code is not taken for what this code would make."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows import request as nightly
from recengine import features, train
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.knobs.stages import ScoreConfig, TrainConfig
from recengine.models import make, registry, store
from recengine.models.recipes import Recipe, understood
from recengine.runtime import identity
from recengine.selection.verdict import Selection
from recengine.warehouse.connection import warehouse


def identity_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as patched:
        patched.setattr(identity, "files", lambda _: folder)
        return identity.code_identity.__wrapped__()


def test_an_edited_file_or_another_library_is_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "ease.py").write_text("ridge = 1\n")
    (tmp_path / "a.sql").write_text("SELECT 1")
    seen = [identity_of(tmp_path, monkeypatch)]
    (tmp_path / "models" / "__pycache__").mkdir()
    (tmp_path / "models" / "__pycache__" / "ease.py").write_text("compiled")
    (tmp_path / "notes.txt").write_text("decides nothing")
    assert identity_of(tmp_path, monkeypatch) == seen[0]
    for name, text in (("models/ease.py", "ridge = 2\n"), ("a.sql", "SELECT 2"), ("models/new.py", "")):
        (tmp_path / name).write_text(text)
        seen.append(identity_of(tmp_path, monkeypatch))
    (tmp_path / "models" / "new.py").rename(tmp_path / "models" / "other.py")
    seen.append(identity_of(tmp_path, monkeypatch))
    monkeypatch.setattr(identity, "version", lambda library: f"{library} of tomorrow")
    seen.append(identity_of(tmp_path, monkeypatch))
    assert len(set(seen)) == len(seen) == 6


def test_the_package_itself_is_what_counts() -> None:
    names = [name for name, _ in identity._sources(identity.files("recengine"), "")]
    assert {"models/hybrid.py", "selection/candidates.py", "sql/features/movies.sql"} <= set(names)
    assert identity.code_identity() == identity.code_identity.__wrapped__()


def test_models_and_answers_of_other_code_count_as_not_there(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    [folder] = home.snapshots.iterdir()
    chosen = Selection(action="publish", recipe=Recipe(model="popularity"), reason="", metrics={})
    model_id, asked = (
        train.fit(home, folder, chosen),
        nightly.request_of(home, "generated", TrainConfig(), ScoreConfig()),
    )
    assert store.manifest_of(home, model_id).code == identity.code_identity()
    for module in (registry, features):
        monkeypatch.setattr(module, "code_identity", lambda: "other code")
    with warehouse(home.warehouse) as con:
        assert features.fingerprint_of(con) != folder.name
    assert store.id_of(make("popularity"), Snapshot.load(folder)) != model_id
    assert train.fit(home, folder, chosen) != model_id
    assert nightly.request_of(home, "generated", TrainConfig(), ScoreConfig()) != asked


def test_training_from_scratch_trains_although_such_a_model_is_there(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    chosen = Selection(action="publish", recipe=Recipe(model="popularity"), reason="", metrics={})
    weights = home.models / train.fit(home, folder, chosen) / "weights.safetensors"
    first = weights.stat().st_ino
    train.fit(home, folder, chosen)
    assert weights.stat().st_ino == first
    train.fit(home, folder, chosen.model_copy(update={"anew": True}))
    assert weights.stat().st_ino != first


def test_a_recipe_of_an_earlier_release_is_read_as_far_as_it_is_known() -> None:
    stored = make("ease").config.model_dump(mode="json")
    old = Recipe(
        model="ease", config=stored | {"ridge": -1, "gone": [1], "biases": {"sweeps": 3, "old": {"a": 1}}}
    )
    recipe, left_out = understood(old)
    assert recipe is not None
    assert recipe.config == {name: stored[name] for name in stored if name != "ridge"} | {
        "biases": {"sweeps": 3}
    }
    assert sorted(left_out) == ["biases.old", "gone", "ridge"]
    assert understood(Recipe(model="ease", config=stored)) == (Recipe(model="ease", config=stored), ())
    assert understood(Recipe(model="ease", config={"biases": 7})) == (Recipe(model="ease"), ("biases",))
    assert understood(Recipe(model="forgotten", config={})) == (None, ())
