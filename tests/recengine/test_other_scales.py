"""The stages behind the scale: models, lists, evaluation and pages on other scales, and without any ratings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from engine_homes import copy_of, trained
from ingest_frames import frame, write
from scipy.sparse import csr_array

from recengine import features, ingest, publish, score
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.errors import AuditFailed, BadInput
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.splits import random_per_user
from recengine.knobs.stages import IngestConfig, ScoreConfig
from recengine.models import make
from recengine.models.hybrid import Hybrid
from recengine.movielens.layouts import recognise
from recengine.serving import queries as reading
from recengine.serving import report
from recengine.warehouse.connection import warehouse

QUICK = {"stars": {"sweeps": 6}, "recency": "off"}
MODELS = [("popularity", {}), ("ease", {}), ("hybrid", QUICK)]


def on_scale(snapshot: Snapshot, low: float, high: float) -> Snapshot:
    """The same opinions, 1..5 stars stretched to another scale."""
    old = snapshot.ratings
    values = (low + (old.data - 1) * np.float32((high - low) / 4)).astype(np.float32)
    return replace(
        snapshot,
        fingerprint=f"{snapshot.fingerprint}-{low}-{high}",
        scale=(low, high),
        liked_from=(low + high) / 2,
        ratings=csr_array((values, old.indices, old.indptr), shape=old.shape),
    )


def without_ratings(snapshot: Snapshot) -> Snapshot:
    old = snapshot.ratings
    ones = csr_array((np.ones_like(old.data), old.indices, old.indptr), shape=old.shape)
    return replace(snapshot, fingerprint="implicit", scale=None, liked_from=1.0, ratings=ones)


@pytest.mark.parametrize(("name", "config"), [*MODELS, ("sae", {"epochs": 2})])
@pytest.mark.parametrize(("low", "high"), [(0.0, 100.0), (-1.0, 1.0)])
def test_predictions_stretch_with_the_scale(
    small: Snapshot, name: str, config: dict[str, object], low: float, high: float
) -> None:
    users, movies = np.repeat(np.arange(small.users), 20), np.tile(np.arange(20), small.users)
    stars = make(name, **config).fit(small).predict(small, users, movies)
    other = on_scale(small, low, high)
    points = make(name, **config).fit(other).predict(other, users, movies)
    assert points.min() >= low
    assert points.max() <= high
    np.testing.assert_allclose((points - low) * 4 / (high - low) + 1, stars, atol=2e-3)


@pytest.mark.parametrize("low", [0.0, -2.0])
def test_a_rating_of_zero_is_a_rating(small: Snapshot, low: float) -> None:
    """Stored zeros count as rated in every part: lists hold no movie rated 0."""
    other = on_scale(small, low, low + 4)
    assert (other.ratings.data == 0).any()
    for name, config in [*MODELS, ("sae", {"epochs": 2}), ("sae", {"epochs": 1, "faithful": True})]:
        _, best = make(name, **config).fit(other).best(other, np.arange(other.users), 10)
        for user, row in enumerate(best.tolist()):
            assert not set(row) & set(other.ratings[user : user + 1].indices.tolist()), name


@pytest.mark.parametrize(("name", "config"), MODELS)
def test_without_ratings_lists_are_as_with_them_and_no_stars_are_fitted(
    small: Snapshot, name: str, config: dict[str, object]
) -> None:
    implicit = without_ratings(small)
    model = make(name, **config).fit(implicit)
    for one, other in zip(
        model.best(implicit, np.arange(40), 5),
        make(name, **config).fit(small).best(small, np.arange(40), 5),
        strict=True,
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    learned = {
        part.rpartition(".")[2] for part, tensor in model.state().items() if tensor.numel() and "bias" in part
    }
    assert learned <= {"scalars"}
    assert not any(part.startswith("stars") for part in model.state())
    restored = type(model)(model.config).restore(model.state())
    np.testing.assert_array_equal(
        restored.best(implicit, np.arange(40), 5)[1].numpy(),
        model.best(implicit, np.arange(40), 5)[1].numpy(),
    )


def test_without_ratings_evaluation_is_of_lists_only(small: Snapshot) -> None:
    split = random_per_user(without_ratings(small))
    found = evaluate(lambda: Hybrid(Hybrid.Config(**QUICK)), split, bootstrap=Bootstrap(draws=100)).metrics
    assert "ndcg@10" in found
    assert not [name for name in found if name.startswith(("rmse", "mae"))]


def test_sae_ranks_by_stars_and_says_so_where_there_are_none(small: Snapshot) -> None:
    with pytest.raises(BadInput, match="sae ranks by predicted ratings and generated has none"):
        make("sae").fit(without_ratings(small))


@pytest.fixture(scope="module")
def implicit_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Data of who took what, published."""
    root = tmp_path_factory.mktemp("implicit")
    rng = np.random.default_rng(0)
    pairs = np.argwhere(rng.random((30, 3)) < 0.5)
    lines = "".join(f"{u + 1},{10 * (m + 1)},{1000000000 + u}\n" for u, m in pairs)
    files = frame("csv") | {"ratings.csv": "userId,movieId,timestamp\n" + lines}
    home = Home.at(root / "home")
    with warehouse(home.warehouse) as con:
        ingest.ingest(con, recognise(write(root / "taken", files)), IngestConfig())
        folder = features.build(con, home).folder
        model_id = trained(home, folder, "popularity")
        score.score(con, home, folder, model_id, ScoreConfig(top_n=2, similar_n=2))
        publish.publish(con, home)
    return home


def test_without_ratings_no_predicted_rating_is_published(implicit_home: Home) -> None:
    found = reading.sql(
        implicit_home,
        "SELECT count(*) AS rows, count(predicted_rating) AS stars, "
        "(SELECT count(mean_rating) FROM movies) AS means, (SELECT scale FROM publication) AS scale "
        "FROM recommendations",
    ).to_dict("records")[0]
    assert found["rows"] > 0
    assert (found["stars"], found["means"], found["scale"]) == (0, 0, "implicit")


def test_without_ratings_the_page_says_so_and_shows_no_nan(implicit_home: Home) -> None:
    with warehouse(implicit_home.warehouse) as con:
        page = report.page(report.gather(con, implicit_home))
    assert "implicit: ratings.csv has no column of ratings" in page
    assert "nan" not in page.lower().replace("finance", "")


def test_a_predicted_rating_where_there_are_none_fails_the_audit(implicit_home: Home, tmp_path: Path) -> None:
    home = copy_of(implicit_home, tmp_path / "home")
    with warehouse(home.warehouse) as con:
        con.execute("UPDATE scores.recommendations SET predicted_rating = 3")
        with pytest.raises(AuditFailed, match=r"stars_are_on_the_scale: .* although the data has no ratings"):
            publish.publish(con, home)


def test_ten_points_are_published_on_their_scale(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pairs = np.argwhere(rng.random((40, 3)) < 0.6)
    lines = "".join(f"{u + 1}::{10 * (m + 1)}::{(u + 3 * m) % 11}::{1000000000 + u}\n" for u, m in pairs)
    home = Home.at(tmp_path / "home")
    with warehouse(home.warehouse) as con:
        ingest.ingest(
            con, recognise(write(tmp_path / "ten", frame("ml-1m") | {"ratings.dat": lines})), IngestConfig()
        )
        folder = features.build(con, home).folder
        model_id = trained(home, folder, "popularity")
        score.score(con, home, folder, model_id, ScoreConfig(top_n=1, similar_n=1))
        publish.publish(con, home)
    with duckdb.connect(str(home.serving_link), read_only=True) as con:
        [(scale, highest)] = con.execute(
            "SELECT (SELECT scale FROM publication), max(predicted_rating) FROM recommendations"
        ).fetchall()
    assert scale == "0-10/1"
    assert highest > 5
