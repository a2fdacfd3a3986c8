"""Judging a model: its lists exclude what was seen, ties fall to the first movie, all figures are there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from evaluation_fakes import TableModel, random_snapshot, snapshot_of
from hypothesis import given, settings
from hypothesis import strategies as st

from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.evaluate import evaluate, recommend
from recengine.evaluation.metrics import mae, rmse, rmse_mean_per_user
from recengine.evaluation.splits import from_mask, random_per_user, temporal
from recengine.knobs.stages import RANKING_METRICS
from recengine.models import base

QUICK = Bootstrap(draws=200)


def _random_model(seed: int, snapshot: Snapshot, levels: int = 4) -> TableModel:
    """Few different scores, so that ties abound."""
    table = np.random.default_rng(seed).integers(1, levels + 1, (snapshot.users, snapshot.movies))
    return TableModel(table.astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40))
def test_lists_are_the_best_unseen_movies_with_ties_in_movie_order(seed: int, n: int) -> None:
    snapshot = random_snapshot(seed)
    model = _random_model(seed, snapshot)
    users = np.flatnonzero(np.random.default_rng(seed).random(snapshot.users) < 0.5)
    if not len(users):
        users = np.array([0])
    top = recommend(model, snapshot, users, n)
    seen = snapshot.ratings.toarray() > 0
    for user, found in zip(users, top, strict=True):
        unseen = np.flatnonzero(~seen[user])
        expected = unseen[np.lexsort((unseen, -model.table[user, unseen].numpy()))][:n]
        np.testing.assert_array_equal(found, np.pad(expected, (0, n - len(expected)), constant_values=-1))


def test_only_blocks_with_test_users_are_scored_and_blocks_do_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    snapshot = random_snapshot(1)
    users = np.array([2, 3, 17, 38])
    whole = recommend(_random_model(1, snapshot), snapshot, users, 10)
    monkeypatch.setattr(base, "BLOCK_CELLS", 5 * snapshot.movies)
    model = _random_model(1, snapshot)
    before = model.table.clone()
    reported: list[int] = []
    top = recommend(model, snapshot, users, 10, lambda what, done, total: reported.append(done))
    np.testing.assert_array_equal(top, whole)
    assert model.blocks == [slice(2, 4), slice(17, 18), slice(38, 39)]
    assert reported == [4]
    assert torch.equal(model.table, before)  # masking wrote into a copy


def test_a_model_that_knows_the_future_is_perfect() -> None:
    snapshot = random_snapshot(5)
    split = temporal(snapshot)
    found = evaluate(TableModel(snapshot.ratings.toarray()), split, bootstrap=QUICK)
    for k in (5, 10, 20):
        for name in ("ndcg", "recall_capped", "mrr", "hit_rate"):
            assert found.metrics[f"{name}@{k}"] == pytest.approx(1)
            assert found.intervals[f"{name}@{k}"] == pytest.approx((1, 1))
    assert found.metrics["rmse"] == found.metrics["mae"] == found.metrics["rmse_mean_per_user"] == 0
    assert found.counts["judged_users"] == len(found.users) == len(split.known_users)


def test_every_figure_has_an_interval_and_the_same_seed_the_same_one() -> None:
    snapshot = random_snapshot(2)
    split = random_per_user(snapshot)
    model = _random_model(2, snapshot)
    found, again = (evaluate(model, split, ks=(5, 10), bootstrap=QUICK) for _ in range(2))
    lists = ("coverage", "novelty", "popularity_lift", "gini", "intra_list_diversity", "miscalibration")
    listed = (*RANKING_METRICS, *lists)
    expected = {f"{name}@{k}" for name in listed for k in (5, 10)} | {"rmse", "mae", "rmse_mean_per_user"}
    assert set(found.metrics) == set(found.intervals) == expected
    assert all(low <= found.metrics[name] <= high for name, (low, high) in found.intervals.items())
    assert (found.metrics, found.intervals) == (again.metrics, again.intervals)
    assert {len(values) for values in found.per_user.values()} == {len(found.users)}
    for name, values in found.per_user.items():
        assert found.metrics[name] == pytest.approx(values.mean())
    test, predicted = split.test, model.predict(split.train, split.test.user_index, split.test.movie_index)
    assert found.metrics["rmse"] == pytest.approx(rmse(test.rating, predicted))
    assert found.metrics["mae"] == pytest.approx(mae(test.rating, predicted))
    by_user = rmse_mean_per_user(test.user_index, test.rating, predicted)
    assert found.metrics["rmse_mean_per_user"] == pytest.approx(by_user)


def test_an_unfitted_model_is_fitted_and_a_fitted_one_is_not() -> None:
    snapshot = random_snapshot(4)
    split = random_per_user(snapshot)
    model = _random_model(4, snapshot)
    assert "fit" not in evaluate(model, split, bootstrap=QUICK).seconds
    assert model.fits == 0
    assert "fit" in evaluate(lambda: model, split, bootstrap=QUICK).seconds
    assert model.fits == 1


def test_new_users_count_for_stars_but_not_for_lists() -> None:
    stars = np.array([[4, 4, 4], [0, 5, 3]])
    snapshot = snapshot_of(stars)
    split = from_mask(snapshot, np.array([False, False, True, True, True]))  # all of user 1 is held out
    table = np.array([[4, 4, 3], [0, 2, 3]])
    found = evaluate(TableModel(table), split, ks=(1,), bootstrap=QUICK)
    assert found.users.tolist() == [0]
    assert found.metrics["rmse"] == pytest.approx(np.sqrt((1 + 9 + 0) / 3))
    assert found.metrics["rmse_new_users"] == pytest.approx(np.sqrt(9 / 2))
    assert (found.counts["new_users"], found.counts["judged_users"]) == (1, 1)


def test_a_threshold_makes_only_liked_movies_relevant() -> None:
    stars = np.array([[4, 5, 2], [3, 1, 1]])
    split = from_mask(snapshot_of(stars), np.array([False, True, True, False, True, True]))
    found = evaluate(TableModel(stars), split, ks=(1,), relevant_from=4, bootstrap=QUICK)
    assert found.users.tolist() == [0]
    assert found.metrics["recall@1"] == 1
    with pytest.raises(BadInput, match="No user has both"):
        evaluate(TableModel(stars), split, ks=(1,), relevant_from=5.5, bootstrap=QUICK)


@pytest.mark.parametrize("method", ["score", "predict"])
def test_a_model_that_diverged_is_named(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = random_snapshot(6)
    model = _random_model(6, snapshot)
    broken = TableModel(np.full((snapshot.users, snapshot.movies), np.nan))
    monkeypatch.setattr(model, method, getattr(broken, method))
    with pytest.raises(BadInput, match=r"model table gives .* that are not finite"):
        evaluate(model, random_per_user(snapshot), bootstrap=QUICK)
