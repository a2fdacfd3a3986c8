import numpy as np
import pytest
import torch

from recengine.models.kernels.standard import standardised
from recengine.models.parts.recency_boost import (
    RecencyBoost,
    RecencyBoostConfig,
    _shares,
    boosts,
)
from recengine.testing.planted import DAY, snapshot


def popularity(part):
    """A scorer without any taste: log counts before the cut."""
    counts = np.bincount(part.ratings.indices, minlength=part.movies)
    return lambda users: np.tile(np.log1p(counts).astype(np.float32), (len(users), 1))


def waves(trend: bool):
    """200 users over 100 days, 60 movies; with a trend each rates what is new that day."""
    rng = np.random.default_rng(1)
    stars, times = np.zeros((200, 60)), np.zeros((200, 60), dtype=np.int64)
    for user in range(200):
        for day in rng.integers(0, 100, 12):
            movie = int(day * 0.55 + rng.integers(0, 5)) if trend else rng.integers(0, 60)
            stars[user, movie], times[user, movie] = 4, day * DAY + user
    return snapshot(stars, times=times)


def test_boost_is_the_log_ratio_of_recent_and_all_time_counts():
    stars = np.array([[4, 4, 0], [0, 4, 0]])
    data = snapshot(stars, times=np.array([[0, 10 * DAY, 0], [0, 10 * DAY, 0]]))
    recent = np.array([0.5, 2, 0]) * 3 / 2.5
    expected = np.log((recent + 1) / (np.array([1, 2, 0]) + 1))
    np.testing.assert_allclose(boosts(data, [10], [1]), [expected], rtol=1e-6)
    np.testing.assert_allclose(boosts(data, [10, 3], [1, 5])[0], expected, rtol=1e-6)
    early = boosts(data, [10], [1], before=10 * DAY)
    np.testing.assert_allclose(early, [[0, 0, 0]], atol=1e-6)  # one rating, as recent as any


def test_a_planted_trend_is_found_and_boosts_what_is_rated_now():
    data = waves(trend=True)
    recency = RecencyBoost().learn(data, popularity, RecencyBoostConfig())
    assert recency.weight > 0
    assert recency.half_life <= 30
    assert recency.gain > 0.1
    assert recency.weighted is not None
    boosted = standardised(popularity(data)(np.arange(3))) + recency.weighted
    newest = np.argsort(-boosted, axis=1)[:, :5]
    assert newest.min() >= 45


def test_static_data_gets_no_boost_that_matters():
    data = waves(trend=False)
    recency = RecencyBoost().learn(data, popularity, RecencyBoostConfig())
    assert recency.weight == 0
    assert recency.weighted is None


def test_data_of_one_moment_gets_no_boost():
    data = snapshot(np.full((5, 4), 3.0))
    recency = RecencyBoost().learn(data, popularity, RecencyBoostConfig())
    assert (recency.weight, recency.boost) == (0, None)


def test_the_future_of_a_cut_is_hidden_from_the_scorer():
    data = waves(trend=True)
    newest_seen, judged = [], []

    def scorer(part):
        newest_seen.append(part.rated_at.max())
        known, scores = set(part.rating_users), popularity(part)

        def of(users):
            judged.append(known.issuperset(users))
            return scores(users)

        return of

    RecencyBoost().learn(data, scorer, RecencyBoostConfig(cuts=(0.5, 0.75)))
    bounds = np.quantile(data.rated_at, [0.5, 0.75], method="higher")
    assert len(newest_seen) == 2
    assert (np.array(newest_seen) < bounds).all()
    assert judged
    assert all(judged)


@pytest.mark.parametrize("trend", [True, False])
def test_state_restores_the_same_boost(trend):
    data = waves(trend)
    recency = RecencyBoost().learn(data, popularity, RecencyBoostConfig())
    again = RecencyBoost().restore(recency.state())
    assert (recency.weighted is not None) == trend
    np.testing.assert_array_equal(again.weighted, recency.weighted)


def test_standardised_rows_and_a_row_of_equal_scores():
    scores = np.array([[1, 2, 3], [5, 5, 5]], dtype=np.float32)
    result = standardised(scores)
    np.testing.assert_allclose(result, [[-1.2247449, 0, 1.2247449], [0, 0, 0]], atol=1e-6)
    assert torch.isfinite(torch.from_numpy(result)).all()


def test_near_ties_are_averaged_losers_left_out_and_few_users_trusted_less():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 400)
    gains = np.stack([0.02 + noise, 0.02 + noise[::-1], -0.05 + noise], axis=1)
    many, few = _shares(gains), _shares(gains[:10])
    assert many[2] == few[2] == 0
    np.testing.assert_allclose(many[0], many[1], rtol=0.3)
    assert few.sum() < many.sum() <= 1
    assert many.sum() > 0.99


def test_a_replayed_model_sees_whole_histories_of_a_bounded_sample_of_users():
    data, seen = waves(trend=True), []

    def scorer(part):
        scores = popularity(part)

        def of(users):
            seen.append((part, users))
            return scores(users)

        return of

    RecencyBoost().learn(data, scorer, RecencyBoostConfig(cuts=(0.5, 0.75), most_users=20, most_ratings=500))
    bounds = np.quantile(data.rated_at, [0.5, 0.75], method="higher")
    for (part, users), cut in zip(seen, bounds, strict=True):
        before = np.bincount(data.rating_users[data.rated_at < cut], minlength=data.users)
        counts = np.diff(part.ratings.indptr)
        assert len(users) == 20
        np.testing.assert_array_equal(counts, before[np.isin(data.user_ids, part.user_ids)])
        assert 400 < counts.sum() <= 500
