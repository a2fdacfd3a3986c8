"""Coverage, novelty, popularity lift, Gini and diversity against their definitions, by hand or by loop."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from evaluation_fakes import random_snapshot, snapshot_of
from hypothesis import given, settings
from hypothesis import strategies as st

from recengine.evaluation.beyond_accuracy import coverage, gini, incidence, list_figures


def test_novelty_and_popularity_by_hand() -> None:
    stars = np.array([[5, 5, 0, 0], [4, 0, 0, 0], [3, 2, 0, 0], [1, 0, 0, 0]])  # rated 4, 2, 0, 0 times
    snapshot = snapshot_of(stars)
    users = np.array([1, 3])
    found = list_figures(incidence(np.array([[1, 2], [1, -1]]), 4), snapshot, users)
    np.testing.assert_allclose(found["novelty"], [(1 + 2) / 2, 1])  # 2 of 4 rated it; nobody counts as one
    np.testing.assert_allclose(found["popularity"], [1, 2])
    np.testing.assert_allclose(found["history_popularity"], [4, 4])


def test_empty_lists_and_histories_are_undefined() -> None:
    snapshot = snapshot_of(np.array([[5, 5], [0, 0]]))
    found = list_figures(incidence(np.array([[-1, -1], [0, 1]]), 2), snapshot, np.array([0, 1]))
    assert np.isnan(found["novelty"]).tolist() == [True, False]
    assert np.isnan(found["popularity"]).tolist() == [True, False]
    assert np.isnan(found["history_popularity"]).tolist() == [False, True]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_diversity_is_the_mean_over_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genres = (rng.random((30, 3)) < 0.4).astype(float)  # some movies without any
    plain = random_snapshot(seed)
    snapshot = snapshot_of(plain.ratings.toarray(), plain.rated_at, genres)
    top = np.argsort(rng.random((6, 30)), axis=1)[:, :5]
    found = list_figures(incidence(top, 30), snapshot, np.arange(6))["intra_list_diversity"]
    for row, value in zip(top, found, strict=True):
        vectors = [genres[m] / np.linalg.norm(genres[m]) for m in row if genres[m].any()]
        cosines = [a @ b for a, b in combinations(vectors, 2)]
        assert value == pytest.approx(1 - np.mean(cosines) if cosines else np.nan, abs=1e-6, nan_ok=True)


def test_diversity_of_one_genre_is_zero_and_of_different_genres_one() -> None:
    snapshot = snapshot_of(np.ones((2, 9)))  # movie m has genre m modulo 3
    found = list_figures(incidence(np.array([[0, 3, 6], [0, 1, 2]]), 9), snapshot, np.arange(2))
    np.testing.assert_allclose(found["intra_list_diversity"], [0, 1], atol=1e-6)


def test_miscalibration_by_hand() -> None:
    snapshot = snapshot_of(np.array([[5, 5, 5, 5, 0, 0, 0, 0, 0]] * 3))  # movie m has genre m modulo 3
    found = list_figures(
        incidence(np.array([[6, 7, 8], [6, -1, -1], [-1, -1, -1]]), 9), snapshot, np.arange(3)
    )
    share = np.array([2, 1, 1]) / 4
    even, one = np.full(3, 1 / 3), np.array([1, 0, 0])
    expected = [(share * np.log(share / (0.99 * q + 0.01 * share))).sum() for q in (even, one)]
    np.testing.assert_allclose(found["miscalibration"], [*expected, np.nan])


def test_coverage_and_gini_at_their_ends() -> None:
    even, one, some = np.full(10, 3), np.eye(10)[0] * 7, np.array([0, 0, 1, 3])
    assert coverage(np.array([even, one])).tolist() == [1, 0.1]
    np.testing.assert_allclose(gini(np.array([even, one])), [0, 0.9])
    difference = np.abs(some[:, None] - some).mean()
    assert gini(some) == pytest.approx(difference / (2 * some.mean()))
    assert gini(np.zeros(4)) == 0
