import numpy as np
import pytest
from scipy.sparse import csr_array

from recengine.models.kernels import cooccurrence as module
from recengine.models.kernels.cooccurrence import common_raters


@pytest.mark.parametrize(("head", "users"), [(0, 1 << 18), (7, 1 << 18), (90, 1 << 18), (90, 64), (90, 100)])
def test_counts_are_those_of_the_product(head: int, users: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "USERS", users)  # several bitmaps, the last one with half a word
    rated = np.random.default_rng(0).random((333, 90)) < 0.2
    expected = rated.astype(float).T @ rated
    np.testing.assert_array_equal(common_raters(csr_array(rated), head), expected[:head, :head])
