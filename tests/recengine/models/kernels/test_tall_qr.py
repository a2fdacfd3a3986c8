import numpy as np
import pytest
import torch

from recengine.models.kernels.tall_qr import PART, tall_qr


@pytest.mark.parametrize("rows", [40, 2 * PART + 3])
def test_columns_of_sizes_far_apart_are_spanned_exactly(rows):
    random = torch.Generator().manual_seed(0)
    left = torch.linalg.qr(torch.randn(rows, 30, generator=random)).Q
    right = torch.linalg.qr(torch.randn(30, 30, generator=random)).Q
    matrix = left * torch.logspace(0, -4, 30) @ right
    found = tall_qr(matrix)
    assert (found.Q.T @ found.Q - torch.eye(30)).abs().max() < 1e-5
    assert (found.Q @ found.R - matrix).abs().max() < 1e-6
    assert torch.linalg.svdvals(found.R)[-1] == pytest.approx(1e-4, rel=0.02)


def test_dependent_columns_and_more_columns_than_rows_are_left_out():
    random = torch.Generator().manual_seed(0)
    base = torch.randn(500, 5, generator=random)
    for matrix, rank in ((torch.cat([base, base @ torch.ones(5, 3)], dim=1), 5), (base.T, 5)):
        found = tall_qr(matrix)
        assert found.Q.shape == (len(matrix), rank)
        assert (found.Q @ found.R - matrix).abs().max() < 1e-4


def test_a_matrix_of_zeros_has_no_direction():
    found = tall_qr(torch.zeros(10, 3))
    assert found.Q.shape == (10, 0)
    np.testing.assert_array_equal(found.Q @ found.R, np.zeros((10, 3)))
