"""The scores of users for all movies, as many users at a time as the memory holds, of any model that only scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from recengine.errors import NotFinite


def scores_of(
    name: str, ranked: Callable[[slice], torch.Tensor], users: NDArray[np.int64], size: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Which of the users, some at a time, and their scores, (B, M), to be written into.

    Parameters
    ----------
    name : str
        The model's.
    ranked : callable
        Gives the scores of a range of users.
    users : ndarray of int64, shape (U,)
        Ascending.
    size : int
        Users at a time.

    Raises
    ------
    NotFinite
        A score is not finite.
    """
    starts = np.flatnonzero(np.diff(users // size, prepend=-1))  # where a new block of users begins
    for start, stop in zip(starts, [*starts[1:], len(users)], strict=True):
        block = users[start:stop]
        first = int(block[0])
        # Fancy indexing copies, so that masking never writes into what the model keeps.
        scores = ranked(slice(first, int(block[-1]) + 1))[torch.from_numpy(block - first)]
        if not torch.isfinite(scores).all():
            raise NotFinite(name, "scores")
        yield slice(start, stop), scores.float().numpy()
