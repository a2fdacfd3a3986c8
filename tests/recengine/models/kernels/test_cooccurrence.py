import numpy as np
import pytest
from scipy.sparse import csr_array

from recengine.models.kernels import cooccurrence as module
from recengine.models.kernels.cooccurrence import LONGEST, PAUSE, common_raters, session_raters

HOUR = 3_600


@pytest.mark.parametrize(("head", "users"), [(0, 1 << 18), (7, 1 << 18), (90, 1 << 18), (90, 64), (90, 100)])
def test_counts_are_those_of_the_product(head: int, users: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "USERS", users)  # several bitmaps, the last one with half a word
    rated = np.random.default_rng(0).random((333, 90)) < 0.2
    expected = rated.astype(float).T @ rated
    np.testing.assert_array_equal(common_raters(csr_array(rated), head), expected[:head, :head])


def test_pairs_decay_with_the_time_between_two_ratings() -> None:
    times = np.array([0, HOUR, 1000 * HOUR])
    sums = session_raters(csr_array(np.ones((1, 3))), times, 1.0, 3)
    near = np.exp(-1)
    np.testing.assert_allclose(sums, [[1, near, 0], [near, 1, 0], [0, 0, 1]], rtol=1e-6)


def by_definition(rated: np.ndarray, times: np.ndarray, hours: float, head: int) -> np.ndarray:
    """Pair by pair, over every user's ratings in the order of time."""
    sums = np.zeros(2 * rated.shape[1:])
    for user in range(len(rated)):
        began = newest = None
        members: list[int] = []
        for movie in sorted(np.flatnonzero(rated[user]), key=lambda movie: (times[user, movie], movie)):
            now = times[user, movie] / (hours * HOUR)
            if began is None or now - newest > PAUSE or now - began > LONGEST:
                began, members = now, []
            newest = now
            members.append(movie)
            for other in members:
                close = np.exp(-abs(now - times[user, other] / (hours * HOUR)))
                sums[movie, other] += close
                sums[other, movie] += close * (other != movie)
    return sums[:head, :head]


@pytest.mark.parametrize("head", [0, 9, 40])
def test_sums_are_those_of_every_pair_of_every_session(head: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    rated = random.random((60, 40)) < 0.5
    rated[3] = False
    times = random.choice([0, 1, 5, 30, 400], (60, 40)) * HOUR + random.integers(0, HOUR, (60, 40))
    sums = session_raters(csr_array(rated), times[rated], 2.0, head)
    np.testing.assert_allclose(sums, by_definition(rated, times, 2.0, head), rtol=1e-4, atol=1e-6)
    monkeypatch.setattr("recengine.runtime.threads.THREADS", 1)
    monkeypatch.setattr(module, "PART", 7)
    np.testing.assert_array_equal(session_raters(csr_array(rated), times[rated], 2.0, head), sums)
