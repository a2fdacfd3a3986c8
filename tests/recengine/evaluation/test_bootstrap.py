"""Bootstrap intervals: seeded, as wide as theory says, and paired differences that know their sign."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from recengine.evaluation.bootstrap import Bootstrap, paired_difference, ratio_intervals, resamples


def test_every_draw_has_as_many_users_and_the_seed_decides() -> None:
    how = Bootstrap(draws=50, seed=3)
    weights = np.vstack(list(resamples(30, how)))
    assert weights.shape == (50, 30)
    assert np.all(weights.sum(axis=1) == 30)
    np.testing.assert_array_equal(weights, np.vstack(list(resamples(30, how))))
    assert (weights != np.vstack(list(resamples(30, Bootstrap(draws=50, seed=4))))).any()


def test_draws_come_in_blocks_that_fit_the_width() -> None:
    blocks = list(resamples(10, Bootstrap(draws=9), width=2**20))
    assert [len(block) for block in blocks] == [4, 4, 1]


def test_interval_of_a_mean_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(0).normal(5, 2, size=(400, 1))
    estimate, interval = ratio_intervals(values, np.ones_like(values), Bootstrap(draws=4000))
    error = values.std() / np.sqrt(len(values))
    assert estimate[0] == pytest.approx(values.mean())
    np.testing.assert_allclose(interval[0], values.mean() + np.array([-1.96, 1.96]) * error, atol=0.1 * error)
    _, narrow = ratio_intervals(values, np.ones_like(values), Bootstrap(draws=4000, confidence=0.5))
    assert interval[0, 0] < narrow[0, 0] < narrow[0, 1] < interval[0, 1]


def test_users_who_do_not_count_do_not_matter() -> None:
    numerators = np.array([[2.0, 0.0], [4.0, 0.0], [0.0, 0.0]])
    estimates, intervals = ratio_intervals(numerators, np.array([[1, 0], [1, 0], [0, 0]]), Bootstrap())
    assert estimates[0] == 3
    assert intervals[0].tolist() == [2, 4]
    assert np.isnan(estimates[1])
    assert np.isnan(intervals[1]).all()


def test_paired_difference_knows_better_from_equal() -> None:
    rng = np.random.default_rng(1)
    champion = rng.random(200)
    better = paired_difference(champion + rng.normal(0.1, 0.1, 200), champion, Bootstrap())
    assert 0 < better.low < better.mean < better.high
    same = paired_difference(champion, champion, Bootstrap())
    assert (same.mean, same.low, same.high, same.users) == (0, 0, 0, 200)
    # Paired: far narrower than the spread of either model alone.
    assert better.high - better.low < 0.25 * 4 * champion.std() / np.sqrt(200) * np.sqrt(2)


def test_ours_draws_what_scipy_draws() -> None:
    rng = np.random.default_rng(2)
    champion, challenger = rng.random((2, 300))
    ours = paired_difference(challenger, champion, Bootstrap(draws=500, seed=3, confidence=0.9))
    theirs = stats.bootstrap(
        (challenger - champion,), np.mean, n_resamples=500, confidence_level=0.9, method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    np.testing.assert_allclose((ours.low, ours.high), theirs, rtol=1e-12)


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot pair 3 users with 4"):
        paired_difference(np.zeros(3), np.zeros(4), Bootstrap())
