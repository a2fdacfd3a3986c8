import numpy as np
import pytest
import torch

from recengine.models.ease import Ease, EaseConfig
from recengine.models.kernels.cooccurrence import weighted_raters
from recengine.models.parts.biases import BiasConfig, Biases
from recengine.models.parts.closed_form import user_weights, zero_diagonal_ridge
from recengine.testing.planted import best_unseen, checkerboard, snapshot, tiny


@pytest.fixture
def random_data():
    rng = np.random.default_rng(3)
    stars = rng.integers(1, 6, (30, 12)) * (rng.random((30, 12)) < 0.4)
    return snapshot(
        stars,
        times=rng.integers(0, 10**6, (30, 12)),
        users={"gender=F": np.arange(30) % 2, "gender=M": 1 - np.arange(30) % 2, "age": rng.normal(size=30)},
        movies={"genre=Drama": np.arange(12) % 2, "genre=War": np.arange(12) % 3 == 0},
    )


def test_zero_diagonal_ridge_equals_one_ridge_regression_per_movie():
    rng = np.random.default_rng(0)
    rows = rng.random((40, 7))
    weights = zero_diagonal_ridge((rows.T @ rows).astype(np.float32), 2.5, outputs=5)
    for column in range(5):
        others = [i for i in range(7) if i != column]
        inputs = rows[:, others]
        expected = np.linalg.solve(inputs.T @ inputs + 2.5 * np.eye(6), inputs.T @ rows[:, column])
        np.testing.assert_allclose(weights[others, column], expected, atol=1e-4)
        assert weights[column, column] == 0


def test_fit_equals_brute_force_on_the_articles_matrix(random_data):
    config = EaseConfig(ridge=3.0, genre_weight=2.0, attribute_weight=0.7, count_exponent=0.0)
    rated = (random_data.ratings.toarray() > 0).astype(float)
    people = 0.7 * np.hstack([np.ones((30, 1)), random_data.user_features.toarray()[:, :2]])
    genres = np.hstack([2.0 * random_data.movie_features.toarray().T, np.zeros((2, 3))])
    rows = np.vstack([np.hstack([rated, people]), genres])
    expected = np.zeros((15, 12))
    for movie in range(12):
        others = [i for i in range(15) if i != movie]
        inputs = rows[:, others]
        normal = inputs.T @ inputs + 3.0 * np.eye(14)
        expected[others, movie] = np.linalg.solve(normal, inputs.T @ rows[:, movie])
    model = Ease(config).fit(random_data)
    np.testing.assert_allclose(model.weights, expected, atol=1e-4)
    scores = model.score(random_data, slice(0, 30))
    np.testing.assert_allclose(scores, np.hstack([rated, people]) @ expected, atol=1e-3)


def test_weighted_raters_are_weighted_co_ratings(random_data):
    rated = (random_data.ratings.toarray() > 0).astype(float)
    weights = user_weights(random_data, 0.5)
    expected = rated.T @ (rated * weights[:, None])
    sums = weighted_raters(random_data.ratings, weights)
    np.testing.assert_allclose(sums, expected, rtol=1e-5)


def test_checkerboard_is_recovered():
    data, missing = checkerboard()
    np.testing.assert_array_equal(best_unseen(Ease(EaseConfig(ridge=1.0)).fit(data), data), missing)


def test_genres_rank_a_movie_nobody_rated():
    stars = np.zeros((20, 6))
    stars[:10, :2], stars[10:, 2:4] = 4, 4
    data = snapshot(stars, movies={"genre=War": [1, 1, 0, 0, 1, 0], "genre=Drama": [0, 0, 1, 1, 0, 1]})
    scores = Ease(EaseConfig(ridge=1.0)).fit(data).score(data, slice(0, 20))
    assert (scores[:10, 4] > scores[:10, 5]).all()
    assert (scores[10:, 5] > scores[10:, 4]).all()


def test_attributes_rank_for_a_user_without_ratings():
    stars = np.zeros((22, 4))
    stars[:10, :2], stars[10:20, 2:] = 4, 4
    women = np.r_[np.ones(10), np.zeros(10), 1, 0]
    data = snapshot(stars, users={"gender=F": women, "gender=M": 1 - women})
    scores = Ease(EaseConfig(ridge=1.0)).fit(data).score(data, slice(20, 22))
    assert scores[0, :2].min() > scores[0, 2:].max()
    assert scores[1, 2:].min() > scores[1, :2].max()


def test_batch_equals_single(random_data):
    model = Ease().fit(random_data)
    batch = model.score(random_data, slice(0, 30))
    single = torch.cat([model.score(random_data, slice(u, u + 1)) for u in range(30)])
    assert batch.dtype == torch.float32
    assert torch.equal(batch, single)


def test_state_restores_the_same_scores_and_stars(random_data):
    model = Ease().fit(random_data)
    again = Ease(model.config).restore(model.state())
    assert torch.equal(model.score(random_data, slice(3, 9)), again.score(random_data, slice(3, 9)))
    pairs = np.array([0, 5, 29]), np.array([1, 11, 4])
    np.testing.assert_array_equal(model.predict(random_data, *pairs), again.predict(random_data, *pairs))


def test_two_fits_are_bit_for_bit_the_same(random_data):
    assert torch.equal(Ease().fit(random_data).state()["weights"], Ease().fit(random_data).state()["weights"])


def test_tiny_data_without_features_gives_finite_scores():
    data = tiny()
    model = Ease().fit(data)
    scores = model.score(data, slice(0, 3))
    assert scores.shape == (3, 4)
    assert torch.isfinite(scores).all()


def test_biases_recover_planted_users_and_movies():
    user, movie = np.linspace(-0.8, 0.8, 9), np.linspace(-1, 1, 7)
    stars = 3 + user[:, None] + movie[None, :]
    biases = Biases(BiasConfig(user_ridge=0, movie_ridge=0)).fit(snapshot(stars))
    np.testing.assert_allclose(biases.predict(*np.indices((9, 7)).reshape(2, -1)), stars.ravel(), atol=1e-4)


def test_biases_stay_in_the_scale_and_pull_the_unknown_to_the_mean():
    biases = Biases().fit(tiny())
    assert biases.predict(np.array([2]), np.array([3]))[0] == pytest.approx(3.5)
    assert biases.predict(np.array([0]), np.array([0]))[0] <= 5
