import numpy as np
import torch
from scipy.sparse import csr_array

from recengine.models.kernels.batched_ridge import Problem, Rows
from recengine.models.kernels.normal_equations import add_sums, packed_width, solved


def test_sums_over_parts_give_the_factors_of_the_regression_on_all_rows():
    rng = np.random.default_rng(0)
    for factors in (1, 5, 14, 32):
        dense = (rng.random((700, 40)) < np.linspace(0, 0.9, 40)).astype(np.float32)
        rows, base = rng.normal(size=(700, factors)).astype(np.float32), np.eye(factors, dtype=np.float32)
        ridge = rng.random(40).astype(np.float32) + 1
        sums = np.zeros((40, packed_width(factors)), dtype=np.float32)
        for part in (slice(0, 500), slice(500, 501), slice(501, 700)):
            add_sums(csr_array(dense[part].T), rows[part], sums)
        problem = Problem(
            inputs=torch.from_numpy(rows),
            base=torch.from_numpy(base),
            ridge=torch.from_numpy(ridge),
            scale=torch.ones(40),
            right=torch.zeros(40, factors),
            offsets=torch.zeros(700),
            weights=torch.ones(700),
            noise=torch.zeros(40, 0),
        )
        expected = Rows(csr_array(dense.T)).solve(problem).means
        np.testing.assert_allclose(solved(sums, base, ridge), expected, rtol=1e-3, atol=1e-5)
