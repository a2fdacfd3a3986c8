"""Popularity debias: how much of a movie's score it owes to how many have come across it.

Who rated what is not missing at random: a popular movie has been seen by more of those who would like it. Dividing a
movie's score by its propensity, how likely a rating of it is to be observed, weighs that out. The propensity is a
sigmoid of the logarithm of the number of ratings, as in Onishi, Hayashi & Kamigaito, "Accurate and diverse
recommendations via propensity-weighted linear autoencoders", SIGIR-AP 2025: a power law, the usual one, takes too
much from the most popular movies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recengine.dataset import Snapshot


def factors_of(snapshot: Snapshot, weight: float) -> NDArray[np.float32]:
    """What each movie's score is multiplied with, float32 of shape (M,): its propensity to the power of -weight.

    The logarithms are standardised over the movies that have ratings, so that a weight means the same on other data.
    """
    logs = np.log1p(np.bincount(snapshot.ratings.indices, minlength=snapshot.movies))
    rated = logs[logs > 0]
    if not len(rated) or not (spread := rated.std()):
        return np.ones(snapshot.movies, dtype=np.float32)
    propensity = 1 / (1 + np.exp(-(logs - rated.mean()) / spread))
    return np.asarray(propensity**-weight, dtype=np.float32)


def debiased(
    scores: NDArray[np.float32], factors: NDArray[np.float32], *, from_zero: bool
) -> NDArray[np.float32]:
    """Scores (B, M) times factors (M,), counted from 0, or from each user's lowest where 0 means nothing."""
    if from_zero:
        return np.asarray(scores * factors, dtype=np.float32)
    low = scores.min(axis=1, keepdims=True)
    return np.asarray((scores - low) * factors + low, dtype=np.float32)
