import numpy as np
from scipy.sparse import csr_array

from recengine.models.kernels.in_time import PART, Times, faded_counts, rated_between


def test_counts_per_user_are_those_of_a_mask_with_both_ends():
    rng = np.random.default_rng(0)
    users = 2 * PART + 7
    counts = rng.integers(0, 5, users)
    indptr = np.concatenate([[0], counts.cumsum()])
    ratings = csr_array((np.ones(indptr[-1]), np.zeros(indptr[-1], dtype=int), indptr), shape=(users, 3))
    rated_at = rng.integers(0, 20, indptr[-1])
    chosen = (rated_at >= 5) & (rated_at <= 12)
    expected = np.bincount(np.repeat(np.arange(users), counts), weights=chosen, minlength=users)
    np.testing.assert_array_equal(rated_between(ratings, rated_at, 5, 12), expected)


def test_a_count_halves_with_every_half_life_and_later_ratings_do_not_count():
    day = 24 * 3600
    times = Times(np.array([0, 0, 1, 1], dtype=np.int32), np.array([0, 10 * day, 5 * day, 20 * day]))
    found = faded_counts(times, 3, 10 * day, np.array([5.0, 10.0]))
    np.testing.assert_allclose(found, [[1.25, 1.5, 2], [0.5, 0.5**0.5, 1], [0, 0, 0]])
