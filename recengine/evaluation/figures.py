"""Figures over all users with their bootstrap intervals, from what is known of each user."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.evaluation import beyond_accuracy
from recengine.evaluation.bootstrap import Bootstrap, percentile_interval, ratio_intervals, resamples

Figures = dict[str, tuple[float, float, float]]
"""Estimate and both ends of its interval, by name; NaN where no user has the figure."""


def mean_figures(per_user: dict[str, NDArray[np.float64]], how: Bootstrap) -> Figures:
    """Means of per-user vectors, all of shape (E,), over the users for whom they are not NaN."""
    values = np.column_stack(list(per_user.values()))  # (E, F)
    defined = ~np.isnan(values)
    return _ratio_figures(list(per_user), np.where(defined, values, 0), defined, how)


def rating_figures(sums: dict[str, NDArray[np.float64]], how: Bootstrap) -> Figures:
    """RMSE, MAE and mean-per-user RMSE in stars, from sums of errors per user, all of shape (T,)."""
    squared, absolute, count = sums["squared"], sums["absolute"], sums["count"]
    figures = _ratio_figures(
        ["rmse", "mae", "rmse_mean_per_user", "rmse_new_users"],
        np.column_stack([squared, absolute, np.sqrt(squared / count), sums["new_squared"]]),
        np.column_stack([count, count, np.ones_like(count), sums["new_count"]]),
        how,
    )
    for name in ("rmse", "rmse_new_users"):  # a root keeps order, so the interval may be rooted too
        estimate, low, high = np.sqrt(figures[name])
        figures[name] = (float(estimate), float(low), float(high))
    return figures


def list_figures(traits: dict[str, NDArray[np.float64]], how: Bootstrap) -> Figures:
    """Novelty, intra-list diversity and popularity lift, from what is known of each user's list, shape (E,)."""
    means = {name: values for name, values in traits.items() if not name.endswith("popularity")}
    popularity, history = traits["popularity"], traits["history_popularity"]
    both = ~np.isnan(popularity) & ~np.isnan(history)
    lift = _ratio_figures(
        ["popularity_lift"],
        np.where(both, popularity, 0)[:, None],
        np.where(both, history, 0)[:, None],
        how,
    )
    return mean_figures(means, how) | lift


def exposure_figures(lists: csr_array, how: Bootstrap) -> Figures:
    """Coverage and Gini of lists, shape (E, M).

    A draw has fewer different users and so covers less: the interval is moved until the draws' mean meets
    the estimate, and tells the spread.
    """
    by_movie = csr_array(lists.T)  # (M, E)
    once = by_movie.sum(axis=1)
    estimates = np.array([beyond_accuracy.coverage(once), beyond_accuracy.gini(once)])
    drawn = []
    for weights in resamples(lists.shape[0], how, width=lists.shape[1]):
        exposure = (by_movie @ weights.T).T
        drawn.append(np.column_stack([beyond_accuracy.coverage(exposure), beyond_accuracy.gini(exposure)]))
    samples = np.vstack(drawn)
    low, high = np.clip(percentile_interval(samples + estimates - samples.mean(axis=0), how.confidence), 0, 1)
    return {
        name: (float(estimates[i]), float(low[i]), float(high[i]))
        for i, name in enumerate(("coverage", "gini"))
    }


def _ratio_figures(
    names: Sequence[str],
    numerators: NDArray[np.float64],
    denominators: NDArray[np.float64] | NDArray[np.bool_],
    how: Bootstrap,
) -> Figures:
    estimates, intervals = ratio_intervals(numerators, denominators, how)
    rows = np.column_stack([estimates, intervals]).tolist()
    return {name: (row[0], row[1], row[2]) for name, row in zip(names, rows, strict=True)}
