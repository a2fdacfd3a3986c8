"""Counts along columns of bits, against sums of zeros and ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from recengine.models.kernels.csr import pattern_of
from recengine.models.kernels.vertical_counters import LEVELS, WORD, bits_of, count_set


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 1_000, 70_000])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_equals_the_sums(rows: int, share: float) -> None:
    random = np.random.default_rng(rows)
    dense = random.random((500, 3 * WORD - 5)) < share
    bits = bits_of(pattern_of(csr_array(dense)), 3 * WORD)
    chosen = random.integers(0, len(dense), rows).astype(np.int32)
    counts, planes = np.full(2 * WORD, -1, dtype=np.int32), np.full((LEVELS + 1, 2), 7, dtype=np.uint32)
    count_set(bits, chosen, 1, planes, counts)
    expected = dense[:, WORD:].astype(np.int64)[chosen].sum(axis=0)
    assert counts.tolist() == [*expected.tolist(), *[0] * 5]
