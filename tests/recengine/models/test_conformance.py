"""What every model must keep, whatever its mathematics: a model added to MODELS is covered by this file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import engine_homes
import numpy as np
import pyarrow as pa
import pytest
import torch
from planted import snapshot, tastes
from scipy.sparse import csr_array

from recengine import features, score
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.evaluate import evaluate
from recengine.evaluation.metrics import rmse
from recengine.evaluation.splits import Split, random_per_user
from recengine.models import MODELS, make, store
from recengine.models.base import Model
from recengine.runtime.identity import code_identity
from recengine.runtime.resources import MEMORY_LIMIT

SEED = {"seed": 3}
# Less work for what does not need it: fewer sweeps of the stars, a smaller sample of users to choose the lift by.
QUICK: dict[str, dict[str, Any]] = {
    "hybrid": {"stars": {"sweeps": 40, "burn_in": 10}, "lift": {"most_users": 200}},
}


def quick(name: str, **config: Any) -> Model:
    """An unfitted model of a kind, with the tests' seed."""
    return make(name, **(QUICK.get(name, {}) | SEED | config))


# What each model must reach on planted tastes, a margin below what it does reach: nDCG@10 (.23, .64 and .58, by
# chance .13), and the error of its stars (.89 for biases alone, .30 and .43; the mean's is 1.17).
LISTS = {
    "popularity": 0.19,
    "ease": 0.55,
    "hybrid": 0.5,
}  # sae ranks by predicted stars: no better than chance
STARS = {"popularity": 0.95, "ease": 0.95, "hybrid": 0.36, "sae": 0.52}

Fitted = Callable[[str], Model]


@pytest.fixture(params=sorted(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def fitted(small: Snapshot) -> Fitted:
    """One fitted model of each kind on the small snapshot; tests only read it."""
    return cache(lambda name: quick(name).fit(small))


@pytest.fixture(scope="module")
def split() -> Split:
    """Planted tastes, a quarter of each user's ratings held out."""
    return random_per_user(tastes(), seed=0)


@pytest.fixture(scope="module")
def learned(split: Split) -> Fitted:
    """One model of each kind fitted on the split's training part; tests only read it."""
    return cache(lambda name: quick(name).fit(split.train))


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
        ".sums.json",
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


def lists_of(model: Model, split: Split) -> float:
    return evaluate(model, split, ks=(10,), bootstrap=Bootstrap(draws=100)).metrics["ndcg@10"]


def stars_of(model: Model, split: Split) -> float:
    test = split.test
    return rmse(test.rating, model.predict(split.train, test.user_index, test.movie_index))


@pytest.mark.parametrize("name", LISTS)
def test_quality_of_lists(name: str, learned: Fitted, split: Split) -> None:
    assert lists_of(learned(name), split) > LISTS[name]


def test_quality_of_stars(name: str, learned: Fitted, split: Split) -> None:
    assert stars_of(learned(name), split) < STARS[name]


class Mistaken(Model):
    """Another model that takes each user, or each movie, for the next one."""

    name = "mistaken"

    def __init__(self, model: Model, users: int = 0, movies: int = 0) -> None:
        super().__init__()
        self.model, self.by = model, (users, movies)

    def fit(self, snapshot: Snapshot, **_: object) -> Mistaken:  # type: ignore[override]
        return self

    def score(self, snapshot: Snapshot, users: slice) -> torch.Tensor:
        return self.model.score(snapshot, slice(None)).roll(self.by, (0, 1))[users]

    def predict(self, snapshot: Snapshot, user_index: np.ndarray, movie_index: np.ndarray) -> np.ndarray:
        users, movies = (
            (user_index - self.by[0]) % snapshot.users,
            (movie_index - self.by[1]) % snapshot.movies,
        )
        return self.model.predict(snapshot, users, movies)

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> Mistaken:
        return self


def test_every_floor_tells_a_model_from_a_mistaken_one(name: str, learned: Fitted, split: Split) -> None:
    """What forgets who the user is, or which the movie, fails; where a personal model is meant, popularity too."""
    for mistake in ({"movies": 1}, {"users": 1}):
        if name == "popularity" and "users" in mistake:
            continue  # to it all users are one
        mistaken = Mistaken(learned(name), **mistake)
        assert stars_of(mistaken, split) > STARS[name]
        if name in LISTS:
            assert lists_of(mistaken, split) < LISTS[name]
    if name in {"ease", "hybrid"}:
        assert lists_of(learned("popularity"), split) < LISTS[name] / 2
    if name in {"sae", "hybrid"}:
        assert stars_of(learned("popularity"), split) > STARS[name] * 1.5


@pytest.fixture(scope="module")
def many() -> Snapshot:
    """8,000 users and 3,000 movies, 3 ratings each: dense, 96 MB of float32."""
    rng = np.random.default_rng(0)
    indices = (rng.integers(0, 1_000, (8_000, 3)) + np.array([0, 1_000, 2_000])).astype(np.int32)
    stars = rng.integers(1, 6, indices.size).astype(np.float32)
    indptr = np.arange(8_001, dtype=np.int32) * 3
    one_user = snapshot(np.ones((1, 3_000)), movies={"genre=Drama": np.ones(3_000)})
    return replace(
        one_user,
        user_ids=np.arange(8_000),
        ratings=csr_array((stars, indices.ravel(), indptr), shape=(8_000, 3_000)),
        rated_at=rng.integers(0, 10**9, indices.size),
        user_features=csr_array((8_000, 0), dtype=np.float32),
    ).where(np.ones(indices.size, dtype=bool))


def peak_since(work: Callable[[], object]) -> int:
    """Bytes by which some work raises this process's memory at most."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    try:
        reset.write_text("5")  # the high-water mark begins anew: proc(5)
    except OSError:
        pytest.skip("this system keeps no high-water mark that can begin anew")

    def kilobytes(name: str) -> int:
        return int(next(line for line in status.read_text().splitlines() if line.startswith(name)).split()[1])

    before = kilobytes("VmRSS")
    work()
    return (kilobytes("VmHWM") - before) * 1024


def test_memory_ceiling(name: str, many: Snapshot, fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither fitting nor making everybody's lists takes what users x movies would: all users are never dense."""
    monkeypatch.setenv(MEMORY_LIMIT, "100MB")
    fitted(name)  # compiled, and the libraries have their own buffers
    short = {"sae": {"epochs": 1}, "hybrid": {"stars": {"sweeps": 2}, "recency": "off"}}.get(name, {})
    rows = []

    def night() -> None:
        model = quick(name, **short).fit(many)
        rows.extend(len(batch) for batch in score.recommend(model, many, 3))

    peak = peak_since(night)
    assert sum(rows) == 3 * many.users
    assert peak < many.users * many.movies * 4


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
    told: dict[str, list[tuple[int, int]]] = {}
    quick(name).fit(
        small, on_progress=lambda what, done, total: told.setdefault(what, []).append((done, total))
    )
    expected = {
        "popularity": set(),  # counting takes no time
        "ease": {"solving"},
        "sae": {"sae epochs", "sae refit"},
        "hybrid": {"low rank", "closed form", "stars", "recency"},
    }
    assert set(told) == expected.get(name, set(told) or {"at least one"})
    for steps in told.values():
        done, totals = zip(*steps, strict=True)
        assert list(done) == sorted(done)
        assert len(set(totals)) == 1
        assert done[-1] == totals[-1] > 0
