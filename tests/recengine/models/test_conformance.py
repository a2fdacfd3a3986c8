"""What every model must keep, whatever its mathematics: a model added to MODELS is covered by this file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import engine_homes
import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy.sparse import csr_array

from recengine import features, score
from recengine.config import Home
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.metrics import rmse
from recengine.evaluation.splits import Split, random_per_user
from recengine.identity import code_identity
from recengine.models import MODELS, base, make, store
from recengine.models.base import Model
from recengine.movielens.generator import GeneratorConfig
from recengine.snapshot import Snapshot

# Judged by its stars only: lists ranked by predicted stars are no better than chance.
NOT_RANKING = {"sae"}
SEED = {"seed": 3}
# Less work for what does not need it: fewer sweeps of the stars, a smaller sample of users to choose the lift by.
QUICK: dict[str, dict[str, Any]] = {
    "hybrid": {"stars": {"sweeps": 40, "burn_in": 10}, "lift": {"most_users": 200}},
}


def quick(name: str, **config: Any) -> Model:
    """An unfitted model of a kind, with the tests' seed."""
    return make(name, **(QUICK.get(name, {}) | SEED | config))


Fitted = Callable[[str], Model]


@pytest.fixture(params=sorted(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def fitted(small: Snapshot) -> Fitted:
    """One fitted model of each kind on the small snapshot; tests only read it."""
    models: dict[str, Model] = {}

    def of(name: str) -> Model:
        if name not in models:
            models[name] = quick(name).fit(small)
        return models[name]

    return of


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """Enough generated data to learn something from, a quarter of each user's ratings held out."""
    home = Home.at(tmp_path_factory.mktemp("quality") / "home")
    config = GeneratorConfig(layout="ml-1m", users=250, movies=200, ratings=12_000, seed=5)
    return random_per_user(Snapshot.load(engine_homes.loaded(home, config)), seed=1)


def table(model: Model, snapshot: Snapshot, n: int = 10, users: slice = slice(None)) -> pa.Table:
    return pa.Table.from_batches(score.recommend(model, snapshot, n, users), schema=score.RECOMMENDATIONS)


def pairs(found: pa.Table) -> set[tuple[int, int]]:
    return set(zip(found["user_id"].to_pylist(), found["movie_id"].to_pylist(), strict=True))


def rated_pairs(snapshot: Snapshot) -> set[tuple[int, int]]:
    users = snapshot.user_ids[snapshot.rating_users].tolist()
    return set(zip(users, snapshot.movie_ids[snapshot.ratings.indices].tolist(), strict=True))


def assert_sound(found: pa.Table, snapshot: Snapshot, n: int) -> None:
    """Exact N, ranks, nothing seen, nothing twice, finite falling scores, stars on the scale."""
    unseen = snapshot.movies - np.diff(snapshot.ratings.indptr)
    expected = [rank for left in np.minimum(unseen, n) for rank in range(1, left + 1)]
    assert found["rank"].to_pylist() == expected
    assert found["user_id"].to_pylist() == np.repeat(snapshot.user_ids, np.minimum(unseen, n)).tolist()
    assert len(pairs(found)) == len(found)
    assert not pairs(found) & rated_pairs(snapshot)
    scores, stars = found["score"].to_numpy(), found["predicted_rating"].to_numpy()
    assert np.isfinite(scores).all()
    same_user = np.diff(found["user_id"].to_numpy()) == 0
    assert (np.diff(scores)[same_user] <= 0).all()
    assert ((stars >= snapshot.scale[0]) & (stars <= snapshot.scale[1])).all()


def test_name_and_config(name: str) -> None:
    model = quick(name)
    assert model.name == name
    assert model.config.seed == 3
    with pytest.raises(ValueError, match="nonsense"):
        make(name, nonsense=1)


@pytest.mark.parametrize("n", [1, 10, 60])
def test_exact_n_unseen_movies(name: str, n: int, fitted: Fitted, small: Snapshot) -> None:
    assert_sound(table(fitted(name), small, n), small, n)


def test_batch_equals_single(name: str, fitted: Fitted, small: Snapshot) -> None:
    model = fitted(name)
    together = table(model, small)
    one_by_one = [table(model, small, users=slice(user, user + 1)) for user in range(small.users)]
    single = pa.concat_tables(one_by_one)
    assert single["movie_id"].to_pylist() == together["movie_id"].to_pylist()
    for column in ("score", "predicted_rating"):
        np.testing.assert_allclose(single[column], together[column], rtol=1e-5, atol=1e-6)


def test_predicted_stars_do_not_depend_on_the_order(name: str, fitted: Fitted, small: Snapshot) -> None:
    model, rng = fitted(name), np.random.default_rng(0)
    users, movies = rng.integers(0, small.users, 300), rng.integers(0, small.movies, 300)
    stars, order = model.predict(small, users, movies), rng.permutation(300)
    assert stars.shape == (300,)
    assert stars.dtype == np.float32
    np.testing.assert_allclose(model.predict(small, users[order], movies[order]), stars[order], rtol=1e-6)
    assert model.predict(small, users[:0], movies[:0]).shape == (0,)


def test_save_and_load(name: str, fitted: Fitted, small: Snapshot, tmp_path: Path) -> None:
    home, model = Home.at(tmp_path / "home"), fitted(name)
    manifest = store.Manifest(
        model_id=store.id_of(model, small),
        model=name,
        config=model.config.model_dump(mode="json"),
        dataset=small.dataset,
        snapshot=small.fingerprint,
        trained_at=store.now(),
        seconds=1.0,
        history=model.history,
    )
    folder = store.save(home, model, manifest, small)
    assert sorted(file.name for file in folder.iterdir()) == [
        "ids.safetensors",
        "manifest.json",
        "weights.safetensors",
    ]
    again = store.load(home, manifest.model_id)
    assert (type(again), again.config, again.history) == (type(model), model.config, model.history)
    assert table(again, small).equals(table(model, small))
    made = manifest.model_copy(update={"code": code_identity()})
    assert store.manifest_of(home, manifest.model_id) == made


def test_same_seed_same_table(name: str, fitted: Fitted, small: Snapshot) -> None:
    torch.manual_seed(1)  # what others drew before must not matter
    np.random.seed(1)  # noqa: NPY002
    again = quick(name).fit(small)
    assert table(again, small).equals(table(fitted(name), small))


def test_fitting_leaves_the_snapshot_alone(name: str, small: Snapshot) -> None:
    own = small.where(np.ones(small.ratings.nnz, dtype=bool))  # writable arrays
    before = (own.ratings.data.copy(), own.ratings.indices.copy(), own.genre_counts.toarray())
    table(quick(name).fit(own), own)
    np.testing.assert_array_equal(own.ratings.data, before[0])
    np.testing.assert_array_equal(own.ratings.indices, before[1])
    np.testing.assert_array_equal(own.genre_counts.toarray(), before[2])


def test_scoring_twice_gives_the_same(name: str, fitted: Fitted, small: Snapshot) -> None:
    """A model that hands out its own tensor must not see the masks of the last block."""
    model = fitted(name)
    assert table(model, small).equals(table(model, small))


def test_quality_of_lists(name: str, split: Split) -> None:
    if name in NOT_RANKING:
        pytest.skip(f"{name} is judged by its stars")
    model = quick(name).fit(split.train)
    found = evaluate(model, split, ks=(10,), bootstrap=Bootstrap(draws=100)).metrics["ndcg@10"]
    chance = evaluate(Chance(), split, ks=(10,), bootstrap=Bootstrap(draws=100)).metrics["ndcg@10"]
    assert found > 1.5 * chance


def test_quality_of_stars(name: str, split: Split) -> None:
    test = split.test
    stars = quick(name).fit(split.train).predict(split.train, test.user_index, test.movie_index)
    mean = np.full(len(test), split.train.ratings.data.mean())
    assert rmse(test.rating, stars) < 0.97 * rmse(test.rating, mean)


class Chance(Model):
    """Random scores."""

    name = "chance"

    def fit(self, snapshot: Snapshot, **_: object) -> Chance:  # type: ignore[override]
        return self

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        start, stop, _ = users.indices(snapshot.users)
        return torch.rand((stop - start, snapshot.movies), generator=torch.Generator().manual_seed(start))

    def predict(self, snapshot: Snapshot, user_index: np.ndarray, movie_index: np.ndarray) -> np.ndarray:
        return np.full(len(user_index), 3, dtype=np.float32)

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> Chance:
        return self


@pytest.fixture(scope="module")
def wide() -> Snapshot:
    """3,000 users and 400 movies, 5 ratings each: dense it would be 1.2 million cells."""
    rng = np.random.default_rng(0)
    users, movies, each = 3_000, 400, 5
    indices = np.concatenate([np.sort(rng.choice(movies, each, replace=False)) for _ in range(users)])
    stars = rng.integers(1, 6, users * each).astype(np.float32)
    indptr = np.arange(users + 1, dtype=np.int32) * each
    bare = Snapshot(
        fingerprint="wide",
        dataset="wide",
        scale=(1.0, 5.0),
        user_ids=np.arange(users),
        movie_ids=np.arange(movies),
        ratings=csr_array((stars, indices.astype(np.int32), indptr), shape=(users, movies)),
        rated_at=rng.integers(0, 10**9, users * each),
        genre_counts=csr_array((users, 1), dtype=np.float32),
        registration_months=np.zeros(users, dtype=np.float32),
        user_features=csr_array((users, 0), dtype=np.float32),
        movie_features=csr_array(np.ones((movies, 1), dtype=np.float32)),
        user_columns=(),
        movie_columns=("genre=Drama",),
    )
    return bare.where(np.ones(users * each, dtype=bool))


@pytest.fixture
def largest_dense(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Cells of every sparse matrix made dense while the test runs."""
    cells = [0]
    toarray = csr_array.toarray

    def noted(self: csr_array, *args: object, **kwargs: object) -> np.ndarray:
        cells.append(int(np.prod(self.shape)))
        return toarray(self, *args, **kwargs)

    monkeypatch.setattr(csr_array, "toarray", noted)
    return cells


def test_memory_ceiling(
    name: str, wide: Snapshot, largest_dense: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither fitting nor scoring ever makes users x movies dense for all users."""
    monkeypatch.setattr(base, "BLOCK_CELLS", 256 * wide.movies)
    short = {"epochs": 2} if name == "sae" else {}
    model, blocks = quick(name, **short), [0]
    model.fit(wide)
    original = model.score

    def noted(snapshot: Snapshot, users: slice) -> torch.Tensor:
        scores = original(snapshot, users)
        blocks.append(scores.numel())
        return scores

    monkeypatch.setattr(model, "score", noted)
    rows = sum(len(batch) for batch in score.recommend(model, wide, 3))
    assert rows == 3 * wide.users
    assert max(blocks) <= 256 * wide.movies
    assert max(largest_dense) < wide.users * wide.movies / 4
    # Codes of some 100 numbers per user are allowed, a row of movies per user is not.
    assert max(t.numel() for t in model.state().values()) < wide.users * wide.movies / 2


def without_demographics(snapshot: Snapshot) -> Snapshot:
    none = csr_array((snapshot.users, 0), dtype=np.float32)
    return replace(snapshot, user_features=none, user_columns=())


def test_without_demographics(name: str, small: Snapshot) -> None:
    bare = without_demographics(small)
    assert_sound(table(quick(name).fit(bare), bare), bare, 10)


def test_without_any_features(name: str, small: Snapshot) -> None:
    bare = without_demographics(small)
    nothing = csr_array((bare.movies, 0), dtype=np.float32)
    bare = replace(
        bare,
        movie_features=nothing,
        movie_columns=(),
        genre_counts=csr_array((bare.users, 0), dtype=np.float32),
    )
    assert_sound(table(quick(name).fit(bare), bare), bare, 10)


def test_users_and_movies_without_ratings(name: str, small: Snapshot) -> None:
    users, movies = small.rating_users, small.ratings.indices
    part = small.where((users % 4 != 1) & (movies % 5 != 2) & (users != small.users - 1))
    model = quick(name).fit(part)
    assert_sound(table(model, part), part, 10)
    stars = model.predict(part, np.array([1, 1, 0]), np.array([2, 0, 2]))
    assert np.isfinite(stars).all()


TINY = {
    "one rating": [(1, 10, 4.0, "2020-01-01")],
    "two users, one movie": [(1, 10, 4.0, "2020-01-01"), (2, 10, 2.0, "2020-01-01")],
    "everything rated": [
        (user, movie, 3.0, f"2020-01-0{user}") for user in (1, 2, 3) for movie in (10, 20, 30)
    ],
    "all the same": [(user, movie, 5.0, "2020-01-01") for user, movie in ((1, 10), (2, 20), (3, 30))],
}


@pytest.mark.parametrize("case", TINY)
def test_tiny_data(name: str, case: str) -> None:
    tiny = features.snapshot(engine_homes.core_of(ratings=TINY[case]))
    assert_sound(table(quick(name).fit(tiny), tiny, 2), tiny, 2)


def test_progress_ends_at_its_total(name: str, small: Snapshot) -> None:
    told: dict[str, tuple[int, int]] = {}
    quick(name).fit(small, on_progress=lambda what, done, total: told.update({what: (done, total)}))
    assert all(0 < done <= total for done, total in told.values())
