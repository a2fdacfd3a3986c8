"""Prices of other lists: by hand, per switch and together, and kept with the night."""

from __future__ import annotations

import json

import engine_homes
import numpy as np
import pytest
from evaluation_fakes import random_snapshot

from recengine import score, train
from recengine.config import Home
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.pricing import listings_of, name_of
from recengine.evaluation.splits import random_per_user
from recengine.knobs.published import ScoreConfig
from recengine.knobs.stages import TrainConfig
from recengine.models import make, store
from recengine.models.base import Model
from recengine.serving import report
from recengine.warehouse.connection import warehouse

QUICK = Bootstrap(draws=100)


def test_the_price_is_the_difference_of_two_evaluations() -> None:
    split = random_per_user(random_snapshot(3))
    model = make("ease").fit(split.train)

    class Backwards:
        """The worst of the twenty best first."""

        def __call__(self, model: Model, train: object) -> object:
            return lambda users, n: model.best(split.train, users, 20)[1].numpy()[:, ::-1][:, :n]

    found = evaluate(
        model, split, ks=(10,), bootstrap=QUICK,
        listings={"same": lambda m, train: lambda users, n: m.best(train, users, n)[1].numpy(), "back": Backwards()},
    )  # fmt: skip
    same, back = found.prices
    assert (same.what, back.what) == ("same", "back")
    assert same.ndcg_change == (0, 0, 0)
    assert same.changed == same.without
    names = ("ndcg", "coverage", "intra_list_diversity", "miscalibration", "gini")
    for name in (f"{name}@10" for name in names if f"{name}@10" in same.without):
        assert same.without[name] == pytest.approx(found.metrics[name])
    assert same.users == len(found.users)
    mean, low, high = back.ndcg_change
    assert low <= mean <= high
    assert mean == pytest.approx(back.changed["ndcg@10"] - back.without["ndcg@10"])


def test_each_switch_has_its_price_and_all_of_them_together() -> None:
    assert not listings_of(ScoreConfig().switches)
    assert list(listings_of(ScoreConfig(diversity=0.1).switches)) == ["diversity 0.1"]
    both = ScoreConfig(calibration=0.2, popularity_debias=0.1).switches
    assert list(listings_of(both)) == [
        "calibration 0.2",
        "popularity debias 0.1",
        "calibration 0.2, popularity debias 0.1",
    ]
    assert name_of("rank_by", 0.25) == "rank by 0.25"


def test_a_night_keeps_its_prices_and_a_publication_tells_them(tmp_path, loaded_home: Home) -> None:  # type: ignore[no-untyped-def]
    home = engine_homes.copy_of(loaded_home, tmp_path / "home")
    [folder] = home.snapshots.iterdir()
    config = ScoreConfig(diversity=0.4)
    trained = train.train(home, folder, TrainConfig(model="ease"), lists=config, force=True)
    assert trained.model_id is not None
    [price] = trained.selection.prices
    assert price.what == "diversity 0.4"
    assert price.changed["intra_list_diversity@10"] > price.without["intra_list_diversity@10"]
    assert not trained.judgements["popularity"].prices
    assert store.manifest_of(home, trained.model_id).prices == [price.model_dump(mode="json")]
    with warehouse(home.warehouse) as con:
        score.score(con, home, folder, trained.model_id, config)
        [told] = json.loads(con.execute("SELECT switches FROM scores.origin").fetchall()[0][0])
    assert told == price.model_dump(mode="json")
    [row] = report.price_rows({"switches": json.dumps([told])})
    assert len(row) == len(report.PRICE_HEADER)
    assert row[0] == "diversity 0.4"
    engine_homes.published(home)
    with warehouse(home.warehouse) as con:
        facts = report.gather(con, home)
    assert "<td>diversity 0.4</td>" in report.page(facts)
    assert np.isfinite(price.ndcg_change).all()


def test_what_was_not_measured_is_said() -> None:
    [row] = report.price_rows({"switches": '[{"what": "diversity 0.4"}]'})
    assert row[:2] == ("diversity 0.4", "not measured")
    assert report.price_rows({}) == []
