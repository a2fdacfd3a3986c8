"""Rank metrics against trec_eval on random lists, and what must hold of any list."""

from __future__ import annotations

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recengine.evaluation.metrics import mae, ranking_metrics, rating_errors, rmse, rmse_mean_per_user
from recengine.knobs.stages import RANKING_METRICS

KS = (1, 5, 10, 20)
TREC_NAMES = {
    "ndcg": "ndcg_cut",
    "precision": "P",
    "recall": "recall",
    "map": "map_cut",
    "mrr": "recip_rank",  # of the list cut at k
    "hit_rate": "success",
}


def _random_lists(seed: int, users: int = 30, movies: int = 40) -> tuple[np.ndarray, csr_array]:
    """Random lists of 20, some padded, and one to thirty relevant movies per user."""
    rng = np.random.default_rng(seed)
    top = np.argsort(rng.random((users, movies)), axis=1)[:, : max(KS)]
    length = np.where(rng.random(users) < 0.2, rng.integers(1, max(KS), users), max(KS))
    top = np.where(np.arange(max(KS)) < length[:, None], top, -1)
    place = np.argsort(np.argsort(rng.random((users, movies)), axis=1), axis=1)
    return top, csr_array(place < rng.integers(1, 31, (users, 1)))


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_trec_eval_for_every_user(seed: int) -> None:
    top, relevant = _random_lists(seed)
    names = [str(user) for user in range(len(top))]
    qrels = {name: {str(movie): 1 for movie in relevant[[int(name)]].indices} for name in names}
    cuts = ",".join(map(str, KS))
    ours = ranking_metrics(top, relevant, KS)
    for k in KS:
        run = {
            name: {str(movie): float(k - rank) for rank, movie in enumerate(top[int(name), :k]) if movie >= 0}
            for name in names
        }
        asked = {f"{measure}.{cuts}" for measure in TREC_NAMES.values() if measure != "recip_rank"}
        theirs = pytrec_eval.RelevanceEvaluator(qrels, asked | {"recip_rank"}).evaluate(run)
        for name, measure in TREC_NAMES.items():
            column = measure if measure == "recip_rank" else f"{measure}_{k}"
            expected = [theirs[user][column] for user in names]
            np.testing.assert_allclose(ours[f"{name}@{k}"], expected, atol=1e-9, err_msg=f"{name}@{k}")


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_metrics_lie_in_the_unit_interval_and_follow_their_users(seed: int) -> None:
    top, relevant = _random_lists(seed)
    found = ranking_metrics(top, relevant, KS)
    assert set(found) == {f"{name}@{k}" for name in RANKING_METRICS for k in KS}
    order = np.random.default_rng(seed).permutation(len(top))
    shuffled = ranking_metrics(top[order], csr_array(relevant[order]), KS)
    for name, values in found.items():
        assert values.min() >= 0, name
        assert values.max() <= 1 + 1e-12, name
        np.testing.assert_allclose(shuffled[name], values[order], rtol=1e-12)
    for k in KS:
        assert np.all(found[f"recall_capped@{k}"] >= found[f"recall@{k}"])


def test_perfect_list_scores_one_and_a_wrong_one_zero() -> None:
    relevant = csr_array(np.arange(40) < np.array([[3], [20], [30]]))
    perfect = ranking_metrics(np.tile(np.arange(20), (3, 1)), relevant, KS)
    for k in KS:
        for name in ("ndcg", "recall_capped", "mrr", "hit_rate"):
            np.testing.assert_allclose(perfect[f"{name}@{k}"], 1)
    np.testing.assert_allclose(perfect["map@20"], [1, 1, 20 / 30])
    np.testing.assert_allclose(perfect["precision@5"], [3 / 5, 1, 1])
    np.testing.assert_allclose(perfect["recall@5"], [1, 5 / 20, 5 / 30])
    unwanted = np.tile(np.arange(39, 19, -1), (2, 1))
    wrong = ranking_metrics(unwanted, csr_array(np.arange(40) < [[3], [20]]), KS)
    assert not any(values.any() for values in wrong.values())


def test_padding_never_hits_the_last_movie_of_the_user_before() -> None:
    relevant = csr_array(np.array([[False, True], [True, False]]))
    found = ranking_metrics(np.array([[0, -1], [1, -1]]), relevant, (1, 2))
    assert not any(values.any() for values in found.values())


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be judged at 10"):
        ranking_metrics(np.zeros((1, 5), dtype=int), csr_array(np.ones((1, 5), dtype=bool)), (10,))
    with pytest.raises(ValueError, match="without relevant"):
        ranking_metrics(np.zeros((1, 5), dtype=int), csr_array(np.zeros((1, 5), dtype=bool)), (5,))


def test_rating_metrics_by_hand() -> None:
    users = np.array([4, 4, 9])
    truth, predicted = np.array([3.0, 5.0, 2.0]), np.array([4.0, 5.0, 4.0], dtype=np.float32)
    assert rmse(truth, predicted) == pytest.approx(np.sqrt(5 / 3))
    assert mae(truth, predicted) == pytest.approx(1.0)
    assert rmse_mean_per_user(users, truth, predicted) == pytest.approx((np.sqrt(1 / 2) + 2) / 2)
    sums = rating_errors(users, truth, predicted)
    assert [sums[name].tolist() for name in ("squared", "absolute", "count")] == [[1, 4], [1, 2], [2, 1]]
