import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recengine.models import make
from recengine.models.hybrid import Hybrid, HybridConfig
from recengine.models.kernels.popular_first import Order
from recengine.models.parts.attribute_prior import AttributePrior, AttributePriorConfig
from recengine.models.parts.bayesian_mf import BayesianMFConfig
from recengine.models.parts.half_steps import Stacked
from recengine.models.parts.ials import ImplicitALS, ImplicitALSConfig
from recengine.models.parts.ranking import RankingConfig
from recengine.models.parts.recency_boost import RecencyBoostConfig
from recengine.models.recipes import Recipe, understood
from recengine.testing.planted import DAY, best_unseen, checkerboard, snapshot, tiny

FEW = BayesianMFConfig(factors=2, sweeps=4)


def one_shard(rated: csr_array) -> Stacked:
    users, movies = rated.shape
    nothing = csr_array((0, movies), dtype=np.float32)
    return Stacked(rated, nothing, [slice(0, users)], Order.from_movies(np.arange(movies), movies))


SMALL = RankingConfig(ridge=1.0, min_ratings=1, low_rank=ImplicitALSConfig(factors=4))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    stars = rng.integers(1, 6, (60, 25)) * (rng.random((60, 25)) < 0.3)
    stars[-2:] = 0
    return snapshot(
        stars,
        times=rng.integers(0, 100 * DAY, (60, 25)),
        users={"gender=F": np.arange(60) % 2, "gender=M": 1 - np.arange(60) % 2},
        movies={"genre=Drama": np.arange(25) % 2, "year_bin=1990": np.arange(25) % 3 == 0},
    )


@pytest.fixture(scope="module")
def model(data):
    boost = RecencyBoostConfig(weights=(1,), half_lives=(30,))
    return Hybrid(HybridConfig(stars=FEW, ranking=SMALL, boost=boost)).fit(data)


def test_a_trial_has_the_lists_of_the_recipe_and_no_stars(data, model):
    trial = Hybrid(model.config).trial().fit(data)
    assert not trial.history
    torch.testing.assert_close(trial.score(data, slice(0, 60)), model.score(data, slice(0, 60)))


def test_a_trial_takes_over_what_was_learned_of_recency(data, model):
    first = Hybrid(model.config).trial().fit(data)
    first.recency.strengths = np.array([0.5, 0.25, 0])
    second = Hybrid(model.config).trial(first).fit(data)
    assert second.recency.weight == 0.75
    assert not torch.equal(second.score(data, slice(0, 60)), model.score(data, slice(0, 60)))


def test_checkerboard_is_recovered():
    data, missing = checkerboard()
    model = Hybrid(HybridConfig(stars=FEW, ranking=SMALL, recency="off")).fit(data)
    np.testing.assert_array_equal(best_unseen(model, data), missing)


def test_ials_factors_solve_the_least_squares():
    rng = np.random.default_rng(2)
    dense = (rng.random((9, 6)) < 0.5).astype(np.float32)
    config = ImplicitALSConfig(factors=3, sweeps=2, unrated_weight=0.3, ridge=0.1)
    model = ImplicitALS(config).fit(one_shard(csr_array(dense)))
    movies = model.movies.numpy().astype(float)
    for user in range(9):
        rated = dense[user][:, None]
        penalty = 0.1 * (dense[user].sum() + 0.3 * 6)
        system = movies.T @ (rated * movies) + 0.3 * movies.T @ movies + penalty * np.eye(3)
        np.testing.assert_allclose(
            model.users[user], np.linalg.solve(system, dense[user] @ movies), atol=1e-4
        )


def test_a_warm_start_from_earlier_factors_is_as_good_as_all_sweeps():
    rng = np.random.default_rng(2)
    dense = (rng.random((40, 25)) < 0.3).astype(np.float32)
    rows, few = one_shard(csr_array(dense)), ImplicitALSConfig(factors=3, sweeps=1)
    full = ImplicitALS(ImplicitALSConfig(factors=3, sweeps=60)).fit(rows)
    warm, cold = ImplicitALS(few).fit(rows, start=full.users), ImplicitALS(few).fit(rows)

    def away(model: ImplicitALS) -> float:
        return float((model.users @ model.movies.T - full.users @ full.movies.T).abs().max())

    assert away(warm) < 0.01 < 0.1 < away(cold)


def test_prior_without_attributes_is_popularity_and_fades():
    stars = np.zeros((12, 4))
    stars[:6, 0], stars[:3, 1], stars[:1, 2] = 4, 4, 4
    data = snapshot(stars)
    prior = AttributePrior(AttributePriorConfig(strength=1, fades_over=2, count_exponent=0)).fit(data)
    scores = prior.left(data, np.arange(12)) @ prior.weights
    np.testing.assert_allclose(scores[-1], [1, 0.5, 1 / 6, 0], atol=1e-4)
    np.testing.assert_allclose(scores[3], scores[-1] * 2 / 3, atol=1e-4)  # one rating


def test_attributes_help_a_user_without_ratings():
    rng = np.random.default_rng(4)
    stars = np.zeros((202, 20))
    stars[:100, :10] = 4 * (rng.random((100, 10)) < 0.6)
    stars[100:200, 10:] = 4 * (rng.random((100, 10)) < 0.4)
    women = np.r_[np.zeros(100), np.ones(100), 0, 1]
    data = snapshot(stars, users={"gender=F": women, "gender=M": 1 - women})
    config = RankingConfig(prior=AttributePriorConfig(ridge=10))
    scores = (
        Hybrid(HybridConfig(stars=FEW, recency="off", ranking=config)).fit(data).score(data, slice(200, 202))
    )
    assert scores[0, :10].min() > scores[0, 10:].max()
    assert scores[1, 10:].min() > scores[1, :10].max()


def test_an_unknown_user_gets_the_popular_list():
    rng = np.random.default_rng(5)
    stars = 4.0 * (rng.random((80, 10)) < np.linspace(0.9, 0.1, 10))
    stars[-1] = 0
    data = snapshot(stars)
    config = HybridConfig(
        stars=FEW, recency="off", ranking=RankingConfig(prior=AttributePriorConfig(count_exponent=0))
    )
    order = Hybrid(config).fit(data).score(data, slice(79, 80))[0].argsort(descending=True)
    counts = (stars > 0).sum(0)
    assert (np.diff(counts[order.numpy()]) <= 0).all()


def test_batch_equals_single(data, model):
    batch = model.score(data, slice(0, 60))
    single = torch.cat([model.score(data, slice(u, u + 1)) for u in range(60)])
    assert (batch.dtype, batch.shape) == (torch.float32, (60, 25))
    torch.testing.assert_close(batch, single, rtol=0, atol=1e-6)
    assert torch.equal(batch.argsort(dim=1, stable=True), single.argsort(dim=1, stable=True))


def test_state_restores_the_same_tables(data, model):
    again = Hybrid(model.config).restore(model.state())
    assert torch.equal(model.score(data, slice(0, 60)), again.score(data, slice(0, 60)))
    pairs = np.array([0, 30, 59]), np.array([1, 24, 3])
    np.testing.assert_array_equal(model.predict(data, *pairs), again.predict(data, *pairs))


def test_the_seed_decides(data):
    def scores(seed):
        config = HybridConfig(stars=FEW, seed=seed, recency="off", ranking=SMALL)
        return Hybrid(config).fit(data).score(data, slice(0, 60))

    assert torch.equal(scores(1), scores(1))
    assert not torch.equal(scores(1), scores(2))


@pytest.mark.parametrize("recency", ["auto", "off"])
def test_tiny_data_without_features_gives_finite_scores_and_stars(recency):
    data = tiny()
    model = Hybrid(HybridConfig(stars=FEW, recency=recency)).fit(data)
    assert torch.isfinite(model.score(data, slice(0, 3))).all()
    stars = model.predict(data, np.arange(3), np.array([3, 0, 1]))
    assert ((stars >= 1) & (stars <= 5)).all()


def test_head_is_bounded_to_the_most_rated_movies():
    stars = np.zeros((20, 6))
    stars[:, 0], stars[:12, 1], stars[:8, 2], stars[:5, 3], stars[:2, 4] = 4, 4, 4, 4, 4
    config = RankingConfig(most_movies=3)
    model = Hybrid(HybridConfig(stars=FEW, recency="off", ranking=config)).fit(snapshot(stars))
    np.testing.assert_array_equal(model.ranking.order.movies[: len(model.ranking.weights)], [0, 1, 2])
    assert model.ranking.weights.shape == (3, 3)


def test_a_recipe_stored_under_the_boost_s_former_name_is_understood():
    stored = Recipe(model="hybrid", config={"lift": {"most_users": 7}})
    assert understood(stored) == (stored, ())
    assert make("hybrid", **stored.config).config.boost.most_users == 7
    _, left_out = understood(Recipe(model="hybrid", config={"lift": {"most_users": 0}}))
    assert left_out == ("lift.most_users",)


def test_tensors_keep_the_names_under_which_earlier_releases_stored_them(data, model):
    learned = {
        "recency.choice",
        "recency.strengths",
        "ranking.coded",
        "ranking.low_rank.users",
        "stars.users",
    }
    assert learned <= set(model.state())
    lifted = model.state() | {"recency.lift": torch.arange(25, dtype=torch.float32)}
    again = Hybrid(model.config).restore(lifted)
    assert again.recency.boost is not None
    np.testing.assert_array_equal(again.recency.boost, np.arange(25))
