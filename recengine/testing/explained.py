"""What a model's reasons must keep."""

from __future__ import annotations

import numpy as np

from recengine.testing.subject import NotApplicable, Subject, require


def parts_of_a_score_add_up(subject: Subject) -> None:
    """Where a model says of what its scores consist, that is all of it, within 1e-5."""
    model, data, users = subject.fitted, subject.small, np.arange(subject.small.users)
    scores, movies = (found.numpy() for found in model.best(data, users, 10))
    for k in (1, 5):
        found = model.reasons(data, users, movies, k)
        if found is None:
            raise NotApplicable("it takes no score apart")
        wanted, kept = scores.astype(np.float64), movies >= 0
        require(found.parts.shape == (*movies.shape, k), "reasons are not of the shape (B, n, k)")
        off = np.abs(found.totals - wanted)[kept] / np.maximum(1, np.abs(wanted[kept]))
        require(off.max(initial=0) <= 1e-5, f"parts and rest miss a score by {off.max(initial=0):.1e}")
        require((found.parts >= 0).all(), "a part by itself is below 0: it belongs to the rest")
