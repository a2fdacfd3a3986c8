"""Lists within genres: the whole order of a user's movies, looked at genre by genre."""

from __future__ import annotations

import pyarrow as pa
import pytest

from recengine.dataset import Snapshot
from recengine.knobs.published import ScoreConfig
from recengine.models import make
from recengine.models.base import Model
from recengine.score import recommend
from recengine.variety import by_genre
from recengine.variety.by_genre import BY_GENRE, recommend_by_genre
from recengine.variety.lists import Lister

Row = tuple[int, str, int, int]


@pytest.fixture(scope="module", params=["hybrid", "ease", "popularity"])
def model(request: pytest.FixtureRequest, small: Snapshot) -> Model:
    return make(request.param).fit(small)


def listed(model: Model, data: Snapshot, n: int, **switches: float) -> list[Row]:
    lister = Lister.of(model, data, ScoreConfig(**switches))
    batches = list(recommend_by_genre(lister, n, lambda users, _: pa.nulls(len(users), pa.float32())))
    rows = pa.Table.from_batches(batches, schema=BY_GENRE).select(["user_id", "genre", "rank", "movie_id"])
    return [tuple(row.values()) for row in rows.to_pylist()]


def looked_at(model: Model, data: Snapshot, n: int, **switches: float) -> list[Row]:
    """From the whole order of every user."""
    genres = {
        name.removeprefix("genre="): set(data.movie_ids[data.movie_features[:, [at]].nonzero()[0]].tolist())
        for at, name in enumerate(data.movie_columns)
        if name.startswith("genre=")
    }
    whole = pa.Table.from_batches(
        recommend(model.debiased(data, switches.get("popularity_debias", 0)), data, data.movies)
    )
    orders: dict[int, list[int]] = {}
    for row in whole.select(["user_id", "movie_id"]).to_pylist():
        orders.setdefault(row["user_id"], []).append(row["movie_id"])
    return [
        (user, genre, rank, movie)
        for user in data.user_ids.tolist()
        for genre, members in genres.items()
        for rank, movie in enumerate([m for m in orders.get(user, []) if m in members][:n], 1)
    ]


@pytest.mark.parametrize("n", [1, 4, 100])
def test_each_genre_has_its_best(model: Model, small: Snapshot, n: int) -> None:
    assert listed(model, small, n) == looked_at(model, small, n)


def test_few_users_at_a_time_get_the_same(
    model: Model, small: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = listed(model, small, 3)
    monkeypatch.setattr(by_genre, "BLOCK_ROWS", 300)
    assert listed(model, small, 3) == whole


def test_a_debias_holds_and_other_switches_do_not(model: Model, small: Snapshot) -> None:
    plain = listed(model, small, 4)
    assert listed(model, small, 4, diversity=0.5, calibration=0.3, rank_by=1) == plain
    assert listed(model, small, 4, popularity_debias=1.5) == looked_at(model, small, 4, popularity_debias=1.5)


def test_none_are_asked_for(model: Model, small: Snapshot) -> None:
    assert listed(model, small, 0) == []
