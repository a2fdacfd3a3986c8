"""The seed: its shapes, its columns, the article's training and the sane one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.evaluation.metrics import rmse, rmse_mean_per_user
from recengine.evaluation.runner import EvaluateConfig, _split
from recengine.evaluation.splits import Split
from recengine.models import make
from recengine.models.parts.biases import Biases
from recengine.models.sae import SHAPES, Sae, SaeConfig
from recengine.movielens.locating import locate
from recengine.warehouse.connection import memory


def article_rows(snapshot: Snapshot) -> np.ndarray:
    """The article's matrix: [ratings | genre counts | female, male, age, registration months], (U, M + G + 4)."""
    parts = (snapshot.ratings, snapshot.genre_counts, snapshot.article_attributes())
    return np.hstack([part.toarray() for part in parts]).astype(np.float32)


def widths(model: Sae) -> list[int]:
    return [layer.out_features for layer in model._net if isinstance(layer, nn.Linear)]


@pytest.mark.parametrize("layers", SHAPES)
@pytest.mark.parametrize("faithful", [False, True])
def test_shapes(layers: str, faithful: bool, small: Snapshot) -> None:
    model = make("sae", layers=layers, faithful=faithful, epochs=1).fit(small)
    assert isinstance(model, Sae)
    assert widths(model) == [*SHAPES[layers], small.movies]  # type: ignore[index]
    assert len(SHAPES[layers]) == int(layers)  # type: ignore[index]
    assert torch.isfinite(model.score(small, slice(None))).all()


def test_shapes_of_the_article() -> None:
    assert SHAPES["3"] == (20, 10, 20)
    assert SHAPES["9"] == (300, 100, 50, 20, 10, 20, 50, 100, 300)


@pytest.mark.parametrize(
    ("columns", "width"), [("ratings", 0), ("genres", "G"), ("attributes", 4), ("both", "G+4")]
)
def test_column_groups(columns: str, width: int | str, small: Snapshot) -> None:
    genres = small.genre_counts.shape[1]
    beside = {"G": genres, "G+4": genres + 4}.get(str(width), width)
    model = Sae(SaeConfig.as_published(columns=columns, epochs=1)).fit(small)
    assert model._net[0].in_features == small.movies + int(beside)
    rows = model._rows(small, 3, 9).numpy()
    np.testing.assert_array_equal(rows[:, : small.movies], small.ratings[3:9].toarray())
    if columns == "both":
        np.testing.assert_array_equal(rows, article_rows(small)[3:9])


def article_loop(model: Sae, snapshot: Snapshot, epochs: int) -> list[torch.Tensor]:
    """The article's training as its code has it, on the weights the model begins with."""
    model._begin(snapshot, "cpu")
    net, settings = model._net, model.config
    optimizer = torch.optim.RMSprop(
        net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    criterion = nn.MSELoss()
    rows = article_rows(snapshot)
    for _ in range(epochs):
        for user in range(snapshot.users):
            row = torch.from_numpy(rows[user : user + 1])
            target = row[:, : snapshot.movies].clone()
            if torch.sum(target > 0) > 0:
                output = net(row)
                output[target == 0] = 0
                loss = criterion(output, target)
                loss.backward()
                optimizer.step()  # and no zero_grad
    return [parameter.detach().clone() for parameter in net.parameters()]


def test_faithful_training_is_the_article_s_loop(small: Snapshot) -> None:
    part = small.where(small.rating_users != 5)  # somebody has rated nothing
    config = SaeConfig.as_published(epochs=3, seed=2)
    expected = article_loop(Sae(config), part, 3)
    model = Sae(config).fit(part)
    for found, weights in zip(model._net.parameters(), expected, strict=True):
        torch.testing.assert_close(found.detach(), weights, rtol=1e-4, atol=1e-5)
    assert [entry["step"] for entry in model.history] == [1, 2, 3]


def test_published_settings() -> None:
    config = SaeConfig.as_published()
    assert config.model_dump(
        include={"faithful", "optimizer", "learning_rate", "weight_decay", "epochs"}
    ) == {
        "faithful": True,
        "optimizer": "rmsprop",
        "learning_rate": 0.01,
        "weight_decay": 0.5,
        "epochs": 200,
    }


def test_sane_training_stops_where_validation_is_best(small: Snapshot) -> None:
    model = make("sae", epochs=40, patience=2).fit(small)
    errors = [entry["validation"] for entry in model.history]
    best = int(np.argmin(errors))
    assert len(errors) == min(40, best + 1 + 2)


def test_one_seed_another_seed(small: Snapshot) -> None:
    one, same, other = (
        make("sae", epochs=3, seed=seed).fit(small).score(small, slice(0, 5)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.fixture(scope="module")
def u1(tmp_path_factory: pytest.TempPathFactory) -> Split:
    datasets = os.environ.get("RECENGINE_DATASETS")
    if not datasets:
        pytest.skip("RECENGINE_DATASETS is not set: it names the folder with ml-100k")
    folder = Path(datasets) / "ml-100k"
    config = EvaluateConfig(protocol="files", train=folder / "u1.base", test=folder / "u1.test")
    with memory() as con:
        return _split(con, locate(Home.at(tmp_path_factory.mktemp("u1")), source=folder), config)


@pytest.mark.real_data
def test_stars_on_ml_100k_u1(u1: Split) -> None:
    test = u1.test
    stars = make("sae").fit(u1.train).predict(u1.train, test.user_index, test.movie_index)
    biases = Biases().fit(u1.train).predict(test.user_index, test.movie_index)
    found = rmse(test.rating, stars)
    assert found <= 0.945
    assert found < rmse(test.rating, biases)


@pytest.mark.real_data
def test_faithful_training_learns_on_ml_100k_u1(u1: Split) -> None:
    """After 2 of its 200 epochs the article's loop has not run away to 0 stars."""
    test = u1.test
    model = Sae(SaeConfig.as_published(epochs=2)).fit(u1.train)
    stars = model.predict(u1.train, test.user_index, test.movie_index)
    assert rmse_mean_per_user(test.user_index, test.rating, stars) < 1.1
