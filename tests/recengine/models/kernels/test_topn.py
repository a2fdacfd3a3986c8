"""The exact top N, against a stable sort, with as many ties as possible."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recengine.models.kernels.topn import top_n

VALUES = st.sampled_from([-np.inf, -1.0, 0.0, -0.0, 0.5, 1.0, 1.0000001, 3e38])
TABLES = st.tuples(st.integers(1, 6), st.integers(1, 12)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=VALUES.map(np.float32))
)


@settings(max_examples=300, deadline=None)
@given(scores=TABLES, n=st.integers(1, 14))
def test_equals_a_stable_sort(scores: np.ndarray, n: int) -> None:
    values, columns = top_n(scores, n)
    assert values.shape == columns.shape == (len(scores), n)
    assert (values.dtype, columns.dtype) == (np.float32, np.int64)
    padded = np.pad(scores, ((0, 0), (0, n)), constant_values=-np.inf)  # n may be more than there are columns
    expected = np.argsort(-padded, axis=1, kind="stable")[:, :n]
    best = np.take_along_axis(padded, expected, axis=1)
    np.testing.assert_array_equal(values, best)
    np.testing.assert_array_equal(columns, np.where(best > -np.inf, expected, -1))


def test_shared_edge_takes_the_first_columns() -> None:
    scores = np.zeros((2, 1_000), dtype=np.float32)
    scores[0, 500], scores[1, 999] = 1, 2
    values, columns = top_n(scores, 4)
    assert columns.tolist() == [[500, 0, 1, 2], [999, 0, 1, 2]]
    assert values.tolist() == [[1, 0, 0, 0], [2, 0, 0, 0]]


def test_leaves_the_scores_alone() -> None:
    scores = np.array([[1, 1, 2]], dtype=np.float32)
    top_n(scores, 2)
    assert scores.tolist() == [[1, 1, 2]]


def test_large_blocks_agree_with_a_stable_sort() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 30, (200, 500)).astype(np.float32)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    np.testing.assert_array_equal(top_n(scores, 10).ids, expected)
