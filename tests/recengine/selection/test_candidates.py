"""Which recipe goes on: challenger, champion's recipe, what is published, or popularity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import engine_homes
import numpy as np
import pytest
from engine_homes import published

from flows import request as nightly
from recengine import publish, score, train
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.knobs.stages import GateConfig, ScoreConfig, TrainConfig
from recengine.models import store
from recengine.models.store import Recipe
from recengine.selection import candidates as selection
from recengine.selection import verdict
from recengine.selection.candidates import asked_recipe
from recengine.selection.judgement import Judgement
from recengine.selection.verdict import Selection
from recengine.serving.versions import Publication
from recengine.warehouse.connection import warehouse

CONFIG = TrainConfig(model="sae")


def test_a_models_knobs_are_its_challengers(tmp_path: Path) -> None:
    config = TrainConfig(knobs={"ranking": {"ridge": "500"}})
    assert asked_recipe(config).config == {"seed": 0, "recency": "auto", "ranking": {"ridge": 500.0}}
    home = Home.at(tmp_path)
    asked, usual = (
        nightly.request_of(home, "demo", train, ScoreConfig()) for train in (config, TrainConfig())
    )
    assert asked != usual


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        (
            {"ranking": {"rigde": 5}},
            r"There is no knob train\.knobs\.ranking\.rigde; did you mean ridge\?",
        ),
        ({"ranking": {"ridge": -1}}, r"train\.knobs\.ranking\.ridge is -1; it should be greater than 0\."),
    ],
)
def test_a_knob_that_no_model_has_is_refused(knobs: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        asked_recipe(TrainConfig(knobs=knobs))


def judgement(folder: Path, model: str, ndcg: float, users: int = 200) -> Judgement:
    """A judgement whose users all have about one and the same metric."""
    file = folder / f"{model}-{ndcg}.npz"
    spread = np.linspace(-0.01, 0.01, users)
    np.savez(file, users=np.arange(users), **{"ndcg@10": ndcg + spread})  # type: ignore[arg-type]
    return Judgement(
        recipe=Recipe(model=model),
        description="by hand",
        metrics={"ndcg@10": ndcg},
        intervals={"ndcg@10": (ndcg, ndcg)},
        seconds=0.0,
        ratings=1_000,
        file=file,
    )


@pytest.mark.parametrize(
    ("challenger", "champion", "popularity", "action", "winner", "reason"),
    [
        (0.3, None, 0.2, "publish", 0.3, "good enough"),
        (0.1, None, 0.2, "keep", 0.2, "not better than popularity"),
        (0.3, 0.25, 0.2, "publish", 0.3, "good enough"),
        (0.2999, 0.3, 0.2, "publish", 0.3, "The champion's recipe goes on instead"),
        (0.301, 0.3, 0.2, "publish", 0.3, "The champion's recipe goes on instead"),  # within the tolerance
        (0.2, None, 0.2, "publish", 0.2, "a tie"),
        (
            0.2,
            0.15,
            0.2,
            "publish",
            0.2,
            "The champion's recipe is out: sae kept what is published: not better",
        ),
        (0.25, 0.3, 0.2, "publish", 0.3, "The champion's recipe goes on instead"),
        (0.1, 0.3, 0.2, "publish", 0.3, "The champion's recipe goes on instead"),
        (0.1, 0.15, 0.2, "keep", 0.2, "not better than popularity"),
    ],
)
def test_gate(
    tmp_path: Path,
    challenger: float,
    champion: float | None,
    popularity: float,
    action: str,
    winner: float,
    reason: str,
) -> None:
    judged = {"challenger": judgement(tmp_path, "sae", challenger)}
    judged["popularity"] = judgement(tmp_path, "popularity", popularity)
    if champion is not None:
        judged["champion"] = judgement(tmp_path, "sae", champion)
    found = verdict.select(judged, CONFIG)
    assert (found.action, found.metrics["ndcg@10"]) == (action, winner)
    assert reason in found.reason


def test_forced_challenger_says_what_it_was(tmp_path: Path) -> None:
    judged = {name: judgement(tmp_path, model, ndcg) for name, model, ndcg in
              (("challenger", "sae", 0.1), ("popularity", "popularity", 0.2))}  # fmt: skip
    found = verdict.select(judged, CONFIG, force=True)
    assert (found.action, found.recipe.model) == ("publish", "sae")
    assert found.reason.startswith("Forced: sae kept what is published: not better than popularity")


def test_lost_judgement_is_one_sentence(tmp_path: Path) -> None:
    judged = {
        "challenger": judgement(tmp_path, "sae", 0.3),
        "popularity": judgement(tmp_path, "popularity", 0.2),
    }
    judged["challenger"].file.unlink()
    with pytest.raises(BadInput, match="is gone; run the training again"):
        verdict.select(judged, CONFIG)


def kept(reason: str = "No.") -> Selection:
    return Selection(action="keep", recipe=Recipe(model="popularity"), reason=reason, metrics={})


def test_nothing_published_gives_popularity(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    found = verdict.first_publication(home, folder, kept())
    assert (found.action, found.recipe.model) == ("publish", "popularity")
    assert found.reason == "No. Nothing is published yet, so popularity is."


def test_another_dataset_s_publication_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    [folder] = home.snapshots.iterdir()
    foreign = Publication("20260101-000000-000", "ml-1m", "input", "ease-1", "ease", {})
    monkeypatch.setattr(verdict, "current_publication", lambda home: foreign)
    found = verdict.first_publication(home, folder, kept())
    assert found.reason == "No. ml-1m is published, and nothing of generated yet, so popularity is."


def test_published_popularity_is_rescored(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    published(home)  # the scored model of these homes is popularity
    found = verdict.first_publication(home, folder, kept())
    assert (found.action, found.recipe.model) == ("publish", "popularity")
    assert "popularity, goes on instead" in found.reason


def publish_model(home: Home, name: str, **config: object) -> str:
    [folder] = home.snapshots.iterdir()
    model_id = engine_homes.trained(home, folder, name, **config)
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, model_id, ScoreConfig(top_n=5, similar_n=3))
        publish.publish(con, home, force=True)
    return model_id


def test_published_model_stays_when_nothing_is_better(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    model_id = publish_model(home, "sae", epochs=2)
    assert verdict.first_publication(home, folder, kept()) == kept()
    (home.models / model_id).rename(home.models / "moved")  # its tables are still better than none
    assert verdict.first_publication(home, folder, kept()) == kept()


def test_only_what_passed_the_gate_is_a_verdict(tmp_path: Path) -> None:
    judged = {
        "challenger": judgement(tmp_path, "sae", 0.3),
        "popularity": judgement(tmp_path, "popularity", 0.2),
    }
    judged_as = verdict.select(judged, CONFIG).judged
    assert judged_as is not None
    assert (judged_as.ratings, judged_as.rules) == (1_000, CONFIG.rules)
    judged["challenger"] = judgement(tmp_path, "sae", 0.1)
    forced = verdict.select(judged, CONFIG, force=True)
    assert (forced.action, forced.judged) == ("publish", None)


def test_candidates(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    assert set(selection.candidates(home, folder, CONFIG)) == {"challenger", "popularity"}
    publish_model(home, "sae", epochs=2)
    found = selection.candidates(home, folder, CONFIG)
    assert found["champion"].model == "sae"
    assert found["champion"].config["epochs"] == 2
    same = Recipe(model="sae", config={"epochs": 2})
    assert selection.champion_of(home, "generated") is not None
    assert selection.same_recipe(found["champion"], same)
    assert selection.champion_of(home, "another dataset") is None


def test_champion_is_what_readers_see_after_a_rollback(home: Home) -> None:
    publish_model(home, "sae", epochs=2)
    publish_model(home, "sae", epochs=3)
    with warehouse(home.warehouse) as con:
        publish.rollback(con, home)
    champion = selection.champion_of(home, "generated")
    assert champion is not None
    assert champion.config["epochs"] == 2


def test_judging_by_another_cut_off(loaded_home: Home, snapshot_folder: Path, tmp_path: Path) -> None:
    config = TrainConfig(model="popularity", gate=GateConfig(metric="recall@5"))
    found = selection.judge(Home.at(tmp_path), snapshot_folder, Recipe(model="popularity"), config)
    assert {"recall@5", "ndcg@10"} <= set(found.metrics)


def test_judgements_of_different_cuts_do_not_overwrite_each_other(
    snapshot_folder: Path, tmp_path: Path
) -> None:
    recipe, home = Recipe(model="popularity"), Home.at(tmp_path)
    files = {
        selection.judge(
            home, snapshot_folder, recipe, TrainConfig(model="popularity", holdout_share=share)
        ).file
        for share in (0.2, 0.3)
    }
    assert len(files) == 2


def test_training_twice_does_no_work(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    chosen = Selection(
        action="publish", recipe=Recipe(model="sae", config={"epochs": 2}), reason="", metrics={}
    )
    model_id = train.fit(home, folder, chosen)
    stamp = (home.models / model_id / "weights.safetensors").stat().st_mtime_ns
    assert train.fit(home, folder, chosen) == model_id
    assert (home.models / model_id / "weights.safetensors").stat().st_mtime_ns == stamp
    with warehouse(home.warehouse) as con:
        for _ in range(2):
            train.remember(con, home, model_id)
        assert con.execute("SELECT model_id, model, dataset FROM ops.models").fetchall() == [
            (model_id, "sae", "generated")
        ]
    assert store.newest(home, Snapshot.load(folder).fingerprint) == model_id


def test_train_reports_its_selection(home: Home) -> None:
    [folder] = home.snapshots.iterdir()
    report = train.train(home, folder, TrainConfig(model="popularity"))
    assert report.model_id is not None
    assert report.selection.action == "publish"
    assert set(report.judgements) == {"challenger", "popularity"}


def test_already_answered(home: Home) -> None:
    request = nightly.request_of(home, "generated", CONFIG, ScoreConfig())
    other = nightly.request_of(home, "generated", TrainConfig(model="sae", seed=1), ScoreConfig())
    longer = nightly.request_of(home, "generated", CONFIG, ScoreConfig(top_n=9))
    assert request not in (other, longer)
    with warehouse(home.warehouse) as con:
        data = con.execute("SELECT input_fingerprint FROM scores.origin").fetchall()[0][0]

        def answered(asked: str = request, on: str = data) -> bool:
            return nightly.already_answered(con, home, asked, on)

        assert not answered()
        publish.publish(con, home)
        assert not answered()  # published by hand, not for this request
        publish.publish(con, home, request=request)
        assert answered()
        assert not answered(on="other data")
        assert not answered(longer)
        publish.rollback(con, home)
        assert answered()  # who rolled back does not want the same tables again
        nightly.remember_kept(con, "generated", "other data", kept(), request)
        assert answered(on="other data")
        assert not answered()
