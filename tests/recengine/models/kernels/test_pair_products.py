import numpy as np

from recengine.models.kernels.pair_products import PART, pair_products


def test_products_of_pairs_are_those_of_their_rows():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(50, 13)).astype(np.float32), rng.normal(size=(9, 13)).astype(np.float32)
    rows, others = rng.integers(0, 50, PART + 5), rng.integers(0, 9, PART + 5).astype(np.int32)
    expected = (left.astype(float) @ right.T)[rows, others]
    np.testing.assert_allclose(pair_products(left, right, rows, others), expected, rtol=1e-4, atol=1e-5)
    assert len(pair_products(left, right, rows[:0], others[:0])) == 0
