import numpy as np
import pytest
from scipy.sparse import csr_array

from recengine.evaluation.metrics import ranking_metrics
from recengine.models.kernels.boosted_ndcg import ndcg_gains


def ndcg(scores: np.ndarray, known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    hidden = np.where(known, -np.inf, scores)
    top = np.argsort(-hidden, axis=1, kind="stable")[:, :10]
    top[np.take_along_axis(hidden, top, axis=1) == -np.inf] = -1
    return ranking_metrics(top, csr_array(wanted), (10,))["ndcg@10"]


@pytest.mark.parametrize("movies", [200, 12])
def test_gains_are_those_of_sorting_every_boosted_list_in_full(movies: int) -> None:
    random = np.random.default_rng(0)
    scores, boosts = (random.normal(size=(n, movies)).astype(np.float32) for n in (40, 3))
    state = random.random((40, movies))
    known, wanted = state < 0.4, state > 0.9
    wanted[:, 0], known[:, 0] = True, False
    weights = np.array([0.25, 1, 4], dtype=np.float32)
    gains = ndcg_gains(scores, csr_array(known), csr_array(wanted), boosts, weights).reshape(40, 3, 3)
    without = ndcg(scores, known, wanted)
    for boost in range(3):
        for at, weight in enumerate(weights):
            boosted = ndcg(scores + weight * boosts[boost], known, wanted)
            np.testing.assert_allclose(gains[:, boost, at], boosted - without, atol=1e-9)
