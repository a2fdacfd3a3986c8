"""The stars model on small planted data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.errors import NotReady
from recengine.models.parts.bayesian_mf import BayesianMF, BayesianMFConfig, PosteriorMean
from recengine.models.parts.gibbs import side_information

USERS, MOVIES, SCALE = 120, 90, (1.0, 5.0)
SMALL = BayesianMFConfig(factors=4, sweeps=60, burn_in=15, implicit_rank=10, rank=30)


def one_hot(names: list[str], of: np.ndarray) -> tuple[csr_array, tuple[str, ...]]:
    return csr_array(np.eye(len(names), dtype=np.float32)[of]), tuple(names)


def planted(seed: int = 0, noise: float = 0.25) -> tuple[Snapshot, np.ndarray, np.ndarray]:
    """A snapshot of rank-two tastes, 40 % rated, the mask of the unrated and all true stars."""
    rng = np.random.default_rng(seed)
    occupation, genre = rng.integers(0, 3, USERS), rng.integers(0, 4, MOVIES)
    taste = rng.normal(size=(3, 2))[occupation] + 0.3 * rng.normal(size=(USERS, 2))
    style = rng.normal(size=(4, 2))[genre] + 0.3 * rng.normal(size=(MOVIES, 2))
    true = 3 + 0.6 * taste @ style.T + 0.2 * rng.normal(size=(USERS, 1)) + 0.2 * rng.normal(size=MOVIES)
    true = np.clip(true, *SCALE)
    rated = rng.random((USERS, MOVIES)) < 0.4
    rated[5], rated[:, 7] = False, False  # a user and a movie without ratings
    held = ~rated
    stars = np.clip(true + noise * rng.normal(size=true.shape), *SCALE) * rated
    ratings = csr_array(stars.astype(np.float32))
    features, names = one_hot(["occupation=a", "occupation=b", "occupation=c"], occupation)
    genres, genre_names = one_hot(["genre=A", "genre=B", "genre=C", "genre=D"], genre)
    snapshot = Snapshot(
        fingerprint="planted",
        dataset="planted",
        scale=SCALE,
        user_ids=np.arange(1, USERS + 1),
        movie_ids=np.arange(1, MOVIES + 1),
        ratings=ratings,
        rated_at=np.zeros(ratings.nnz, dtype=np.int64),
        genre_counts=csr_array(ratings @ genres),
        registration_months=np.zeros(USERS, dtype=np.float32),
        user_features=features,
        movie_features=genres,
        user_columns=names,
        movie_columns=genre_names,
    )
    return snapshot, held, true


def pairs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    users, movies = np.nonzero(mask)
    return users, movies


def rmse(predicted: np.ndarray, true: np.ndarray) -> float:
    return float(np.sqrt(np.mean((predicted - true) ** 2)))


def bias_predictions(snapshot: Snapshot) -> np.ndarray:
    stars, rated = snapshot.ratings.toarray(), snapshot.ratings.toarray() > 0
    mean = stars[rated].mean()
    by_user = ((stars - mean) * rated).sum(axis=1, keepdims=True) / (rated.sum(axis=1, keepdims=True) + 1)
    by_movie = ((stars - mean - by_user) * rated).sum(axis=0) / (rated.sum(axis=0) + 1)
    return mean + by_user + by_movie


def test_finds_planted_tastes_that_biases_cannot() -> None:
    snapshot, held, true = planted()
    held[5], held[:, 7] = False, False  # nothing says anything of these
    users, movies = pairs(held)
    model = BayesianMF(SMALL).fit(snapshot)
    ours = rmse(model.predict(snapshot, users, movies), true[held])
    assert ours < 0.5 * rmse(bias_predictions(snapshot)[held], true[held])
    assert ours < 0.25  # the noise put on every rating
    assert model.history[-1]["train"] < model.history[0]["train"]


def test_what_was_rated_at_all_says_what_stars_are_to_come() -> None:
    rng = np.random.default_rng(1)
    liked = np.sign(np.outer(rng.normal(size=USERS), rng.normal(size=MOVIES)))
    rated = rng.random(liked.shape) < np.where(liked > 0, 0.3, 0.03)
    snapshot, _, _ = planted()
    stars = np.clip(3 + liked + 1.5 * rng.normal(size=liked.shape), *SCALE) * rated
    seen = replace(snapshot, ratings=csr_array(stars.astype(np.float32)))
    seen = replace(seen, rated_at=np.zeros(seen.ratings.nnz, dtype=np.int64))
    with_information, without = (
        BayesianMF(SMALL.model_copy(update={"implicit_rank": rank})).fit(seen).predict(seen, *pairs(~rated))
        for rank in (10, 0)
    )
    assert rmse(with_information, 3 + liked[~rated]) < 0.9 * rmse(without, 3 + liked[~rated])


def test_same_seed_gives_the_same_bits_and_another_seed_does_not() -> None:
    snapshot, held, _ = planted()
    users, movies = pairs(held)
    first, second, other = (
        BayesianMF(SMALL.model_copy(update={"seed": seed})).fit(snapshot).predict(snapshot, users, movies)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 1e-4


def test_restored_model_predicts_the_same() -> None:
    snapshot, held, _ = planted()
    users, movies = pairs(held)
    model = BayesianMF(SMALL).fit(snapshot)
    state = {name: tensor.clone() for name, tensor in model.state().items()}
    again = BayesianMF(SMALL).restore(state)
    expected = model.predict(snapshot, users, movies)
    np.testing.assert_array_equal(again.predict(snapshot, users, movies), expected)
    one_by_one = [again.predict(snapshot, users[i : i + 1], movies[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(one_by_one, expected[:5], rtol=1e-6)


def test_predictions_are_float32_within_the_scale() -> None:
    snapshot, _, _ = planted(noise=3.0)
    everything = pairs(np.ones((USERS, MOVIES), dtype=bool))
    predicted = BayesianMF(SMALL).fit(snapshot).predict(snapshot, *everything)
    assert predicted.dtype == np.float32
    assert predicted.shape == (USERS * MOVIES,)
    assert predicted.min() >= 1.0
    assert predicted.max() <= 5.0


def test_constant_ratings_are_predicted_as_that_constant() -> None:
    snapshot, held, _ = planted()
    ratings = snapshot.ratings.copy()
    ratings.data[:] = 4.0
    predicted = BayesianMF(SMALL).fit(replace(snapshot, ratings=ratings)).predict(snapshot, *pairs(held))
    np.testing.assert_allclose(predicted, 4.0, atol=0.1)


def test_a_handful_of_ratings_is_enough_to_run() -> None:
    snapshot, held, _ = planted()
    keep = np.zeros(snapshot.ratings.nnz, dtype=bool)
    keep[::2000] = True
    few = snapshot.where(keep)
    assert few.ratings.nnz < 5
    assert np.isfinite(BayesianMF(SMALL).fit(few).predict(few, *pairs(held))).all()


def test_no_ratings_and_no_fit_are_said_plainly() -> None:
    snapshot, _, _ = planted()
    with pytest.raises(NotReady, match="planted has no ratings"):
        BayesianMF(SMALL).fit(snapshot.where(np.zeros(snapshot.ratings.nnz, dtype=bool)))
    with pytest.raises(NotReady, match="has not been fitted"):
        BayesianMF(SMALL).predict(snapshot, np.array([0]), np.array([0]))


def test_work_is_bounded_on_larger_data() -> None:
    snapshot, _, _ = planted()
    config = SMALL.model_copy(update={"most_work": 45 * snapshot.ratings.nnz})
    seen: list[tuple[int, int]] = []
    BayesianMF(config).fit(snapshot, on_progress=lambda what, done, total: seen.append((done, total)))
    assert seen == [(done, 45) for done in range(1, 46)]


def test_sweeps_in_parts_are_the_same_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, held, _ = planted()
    whole = BayesianMF(SMALL).fit(snapshot).predict(snapshot, *pairs(held))
    monkeypatch.setattr("recengine.models.kernels.batched_ridge.PART", 16)
    np.testing.assert_array_equal(BayesianMF(SMALL).fit(snapshot).predict(snapshot, *pairs(held)), whole)


def test_a_chain_that_starts_from_an_earlier_one_needs_hardly_any_burn_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    snapshot, held, true = planted()
    few = SMALL.model_copy(update={"sweeps": 4, "burn_in": 2})
    monkeypatch.setattr("recengine.models.parts.bayesian_mf.LEAST_SWEEPS", 50)
    cut_short = SMALL.model_copy(update={"most_work": 1})
    users, movies = pairs(held)

    def error(model: BayesianMF) -> float:
        return rmse(model.fit(snapshot).predict(snapshot, users, movies), true[held])

    earlier, warm = BayesianMF(cut_short), BayesianMF(few)
    cold = error(BayesianMF(few)), error(earlier)
    places = np.append(np.arange(USERS - 1), -1)  # the last user is new
    warm.warm_start_from(earlier, places, np.arange(MOVIES))
    assert error(warm) < cold[1] + 0.5 * (cold[0] - cold[1])
    assert len(warm.history) == 3


def test_posterior_mean_is_the_mean_of_the_draws() -> None:
    rng = torch.Generator().manual_seed(0)
    mean, total = PosteriorMean(rank=12), torch.zeros(20, 15)
    for _ in range(90):  # 360 columns: compressed on the way
        users, movies = torch.randn(20, 5, generator=rng), torch.randn(15, 5, generator=rng)
        mean.add(users, movies)
        total += users[:, :-1] @ movies[:, :-1].T + users[:, -1:] + movies[:, -1]
    state = mean.state(2.0)
    assert state["users"].shape == (20, 14)
    exact = total / 90 + 2.0
    error = (state["users"] @ state["movies"].T - exact).square().mean().sqrt()
    assert error < 0.25 * (exact - exact.mean()).square().mean().sqrt()


def test_side_information_is_orthonormal_and_rebuilds_its_matrix() -> None:
    snapshot, _, _ = planted()
    rated = snapshot.ratings.toarray() > 0
    expected = rated / np.sqrt(rated.sum(axis=1, keepdims=True) + 1)
    information = side_information(snapshot.ratings, snapshot.ratings.T.tocsr(), min(USERS, MOVIES), 0, "cpu")
    identity = torch.eye(len(information.singular))
    torch.testing.assert_close(information.left.T @ information.left, identity, atol=1e-3, rtol=0)
    np.testing.assert_allclose(
        information.left * information.singular**2 @ information.left.T, expected @ expected.T, atol=1e-3
    )
    assert side_information(snapshot.ratings, snapshot.ratings.T.tocsr(), 0, 0, "cpu").left.shape == (
        USERS,
        0,
    )
