"""The curves of what variety costs: the prices that a night would tell, on a stated sample, and as files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.pricing import listings_of
from recengine.evaluation.slices import slices_of
from recengine.evaluation.tradeoff import TradeoffConfig, checked, tradeoff
from recengine.knobs.stages import TrainConfig
from recengine.models import make
from recengine.models.recipes import Recipe
from recengine.serving.report import tradeoffs

EASE, TRAIN = Recipe(model="ease"), TrainConfig()
CONFIG = TradeoffConfig(switches=("diversity", "popularity_debias"), weights=(0.4, 0.1), draws=100)


def test_every_point_is_the_price_of_its_switch(small: Snapshot) -> None:
    found = tradeoff(EASE, small, TRAIN, CONFIG)
    slices = slices_of(small, TRAIN.holdout_share, TRAIN.gate.min_users, TRAIN.seed)
    for point in found.points:
        alone = evaluate(
            lambda: make("ease"), slices.splits, ks=(10,), bootstrap=Bootstrap(draws=100),
            listings=listings_of({point.switch: point.weight}),
        )  # fmt: skip
        assert alone.prices == [point.price]
        assert point.price.without == found.plain
        assert point.shown == pytest.approx(point.price.changed["coverage@10"] * small.movies)
    assert [(p.switch, p.weight) for p in found.points] == [
        ("diversity", 0.1), ("diversity", 0.4), ("popularity_debias", 0.1), ("popularity_debias", 0.4),
    ]  # fmt: skip
    assert found.points[1].price.changed["intra_list_diversity@10"] > found.plain["intra_list_diversity@10"]
    assert found.plain["ndcg@10"] > 0
    assert f"All {found.users} users" in found.description


def test_of_more_users_some_are_drawn_and_the_rest_are_not_learned_from(
    small: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []
    fit = type(make("ease")).fit

    def noting(self: object, snapshot: Snapshot, **more: object) -> object:
        fitted.append(snapshot.ratings.nnz)
        return fit(self, snapshot, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(type(make("ease")), "fit", noting)
    everybody = tradeoff(EASE, small, TRAIN, CONFIG)
    parts = len(fitted)
    some = tradeoff(EASE, small, TRAIN, CONFIG.model_copy(update={"users": 5}))
    assert fitted[:parts] == fitted[parts:]
    assert some.users == 5 < everybody.users
    assert f"5 of the {everybody.users} users" in some.description
    assert "drawn with the seed 0" in some.description
    again = tradeoff(EASE, small, TRAIN, CONFIG.model_copy(update={"users": 5}))
    assert [p.price for p in again.points] == [p.price for p in some.points]
    other = tradeoff(EASE, small, TRAIN, CONFIG.model_copy(update={"users": 5, "seed": 3}))
    assert other.plain != some.plain


def test_what_cannot_be_is_told_in_a_sentence(small: Snapshot) -> None:
    with pytest.raises(BadInput, match=r"no switch 'taste'; choose one of diversity, calibration"):
        checked(["taste"], [0.1], 10, 0)
    with pytest.raises(BadInput, match=r"diversity 0.95: input should be less than or equal to 0.9\."):
        checked(["rank_by", "diversity"], [0.95], 10, 0)
    one_each = np.zeros(small.ratings.nnz, dtype=bool)
    one_each[small.ratings.indptr[:-1]] = True
    with pytest.raises(BadInput, match="no user has two ratings"):
        tradeoff(EASE, small.where(one_each), TRAIN, CONFIG)
    with pytest.raises(BadInput, match=r"t\.pdf ends neither in \.html nor in \.svg"):
        tradeoffs.checked_path(Path("t.pdf"))
    with pytest.raises(BadInput, match="is no folder; make it first"):
        tradeoffs.checked_path(Path("/nowhere/t.svg"))


def test_it_is_drawn_and_written_out(small: Snapshot, tmp_path: Path) -> None:
    found = tradeoff(EASE, small, TRAIN, CONFIG)
    rows = tradeoffs.rows_of(found)
    assert rows[0] | {"seconds": 0} == {
        "switch": "plain", "weight": None, "ndcg": found.plain["ndcg@10"], "coverage": found.plain["coverage@10"],
        "intra_list_diversity": found.plain["intra_list_diversity@10"],
        "miscalibration": found.plain["miscalibration@10"], "gini": found.plain["gini@10"],
        "ndcg_change": None, "low": None, "high": None, "movies_shown": found.plain_shown, "seconds": 0,
    }  # fmt: skip
    mean, low, high = found.points[0].price.ndcg_change
    percent = 100 / found.plain["ndcg@10"]
    told = f"{mean * percent:+.1f}% [{low * percent:+.1f}, {high * percent:+.1f}]"
    assert tradeoffs.cells_of(found)[1][:4] == ("diversity", "0.1", f"{rows[1]['ndcg']:.4f}", told)
    page, picture = tmp_path / "t.html", tmp_path / "t.svg"
    for path in (page, picture):
        tradeoffs.write(found, tradeoffs.checked_path(path))
    assert picture.read_text().startswith("<svg")
    text = page.read_text()
    assert f"<td>{told}</td>" in text
    assert found.description in text
    assert not re.search(r"<script|src=|href=\"http", text)
