"""Bootstrap over users: how much a figure would move if other users had been asked (Efron 1979).

Users are drawn with replacement, all their ratings with them, since one user's ratings go together.
Intervals are percentile intervals; one seed gives one interval.

``scipy.stats.bootstrap`` draws the same users from the same seed and gives the same ends to the last bits. For 20
figures it takes 0.38 s where this takes 0.04 s (943 users; 2.3 and 0.22 s for 6,040), as one draw serves all of them.
For a single one it saves 5 ms (943 users) or 44 ms (6,040), less than its import costs (over a second).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recengine.runtime.threads import own_threads

_CELLS = 2**22  # draws x users (or x movies) held at once: 32 MB of float64


@dataclass(frozen=True)
class Bootstrap:
    """How to draw.

    Attributes
    ----------
    draws : int
        Number of bootstrap draws.
    seed : int
        Seed of the draws.
    confidence : float
        Share of the draws between the ends of an interval, in (0, 1).
    """

    draws: int = 1000
    seed: int = 0
    confidence: float = 0.95


@dataclass(frozen=True)
class PairedDifference:
    """Challenger minus champion, on the same users.

    Attributes
    ----------
    mean : float
        Mean difference.
    low, high : float
        Ends of its percentile interval.
    users : int
        Users compared.
    """

    mean: float
    low: float
    high: float
    users: int


def resamples(users: int, how: Bootstrap, width: int = 1) -> Iterator[NDArray[np.float64]]:
    """Draw users with replacement, some draws at a time.

    Parameters
    ----------
    users : int
        Number of users E.
    how : Bootstrap
        ``how.draws`` rows come in all.
    width : int
        Cells the caller needs per draw, so that its own arrays stay as small as these.

    Yields
    ------
    ndarray of float64, shape (some draws, E)
        How often each user is drawn.
    """
    rng = np.random.default_rng(how.seed)
    block = max(1, _CELLS // max(users, width))
    for start in range(0, how.draws, block):
        rows = min(block, how.draws - start)
        drawn = rng.integers(0, users, (rows, users)) + np.arange(rows)[:, None] * users
        yield np.bincount(drawn.ravel(), minlength=rows * users).reshape(rows, users).astype(np.float64)


def ratio_intervals(
    numerators: NDArray[np.floating[Any]], denominators: NDArray[np.number[Any] | np.bool_], how: Bootstrap
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum over sum, for F figures at once; a mean is the case where every denominator is 1.

    Parameters
    ----------
    numerators : ndarray of float, shape (E, F)
    denominators : ndarray of float, int or bool, shape (E, F)
        Per user; a user with denominator 0 (and numerator 0) does not count.
    how : Bootstrap
        Draws, seed and confidence.

    Returns
    -------
    estimates : ndarray of float64, shape (F,)
    intervals : ndarray of float64, shape (F, 2)
        NaN where no user counts.
    """
    sums = np.hstack([numerators, denominators]).astype(np.float64)  # (E, 2F)
    drawn = np.vstack([weights @ sums for weights in resamples(len(sums), how)])
    figures = numerators.shape[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        samples = drawn[:, :figures] / drawn[:, figures:]
        total = sums.sum(axis=0)
        estimates = total[:figures] / total[figures:]
    return estimates, percentile_interval(samples, how.confidence).T


def percentile_interval(samples: NDArray[np.float64], confidence: float) -> NDArray[np.float64]:
    """Both ends of the middle ``confidence`` of the draws, shape (2, ...); draws along the first axis.

    A draw that gives NaN (nobody drawn counts) is taken as no draw.
    """
    tail = (1 - confidence) / 2
    empty = np.isnan(samples).all(axis=0)
    ends = np.nanquantile(np.where(empty, 0, samples), [tail, 1 - tail], axis=0)
    return np.where(empty, np.nan, ends)


@own_threads()
def paired_difference(
    challenger: NDArray[np.floating[Any]], champion: NDArray[np.floating[Any]], how: Bootstrap
) -> PairedDifference:
    """Compare two models on the same users.

    Parameters
    ----------
    challenger, champion : ndarray of float, shape (E,)
        One metric, by user, in the same order.
    how : Bootstrap
        Draws, seed and confidence.

    Returns
    -------
    PairedDifference

    Raises
    ------
    ValueError
        If the vectors differ in length or are empty.
    """
    if challenger.shape != champion.shape or not len(challenger):
        raise ValueError(f"cannot pair {len(challenger)} users with {len(champion)}")
    difference = (challenger.astype(np.float64) - champion)[:, None]
    [mean], [(low, high)] = ratio_intervals(difference, np.ones_like(difference), how)
    return PairedDifference(float(mean), float(low), float(high), len(difference))
