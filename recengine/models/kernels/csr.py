"""Sparse matrices as the compiled loops take them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


class Pattern(NamedTuple):
    """Where a sparse matrix has entries: row r those of ``columns[indptr[r] : indptr[r + 1]]``."""

    indptr: NDArray[np.int64]  # (rows + 1,)
    columns: NDArray[np.int32]  # (nnz,)


def pattern_of(matrix: csr_array) -> Pattern:
    """The pattern of a matrix, of one type whatever the matrix's indices are, so that a loop is compiled once."""
    return Pattern(np.asarray(matrix.indptr, dtype=np.int64), np.asarray(matrix.indices, dtype=np.int32))
