"""Scores of each user with mean 0 and standard deviation 1, on all cores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recengine.models.kernels.compiled import REORDERED
from recengine.runtime.threads import in_parts

TINY = 1e-9


def standardised(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each user's scores with mean 0 and standard deviation 1, float32 of shape (B, M)."""
    standard = np.empty(scores.shape, dtype=np.float32)
    in_parts(lambda first, last: _standardise(first, last, scores, standard), len(scores), 1)
    return standard


@REORDERED
def _standardise(
    first: int, last: int, scores: NDArray[np.float32], standard: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    movies = scores.shape[1]
    for user in range(first, last):
        total = squares = 0.0
        for at in range(movies):
            total += scores[user, at]
        mean = total / movies
        for at in range(movies):
            squares += (scores[user, at] - mean) ** 2
        scale = 1 / (np.sqrt(squares / movies) + TINY)
        for at in range(movies):
            standard[user, at] = (scores[user, at] - mean) * scale
