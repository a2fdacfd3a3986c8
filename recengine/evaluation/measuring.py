"""What is measured of a model on one split, user by user, and several splits' measurements as one.

Everything that figures and intervals are made of is kept per user, so that a user of several splits still counts
as one when users are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from recengine.evaluation import beyond_accuracy
from recengine.evaluation.metrics import ranking_metrics, rating_errors
from recengine.evaluation.splits import Split


@dataclass(frozen=True)
class Measured:
    """A model's measurements on held-out ratings.

    Attributes
    ----------
    users : ndarray of int64, shape (E,)
        User index of the judged lists, ascending.
    ranks : dict of str to ndarray of float64, shape (E,)
        Rank metrics, "ndcg@10" ...
    lists : dict of int to csr_array, shape (E, M)
        Per cut-off, on how many of the user's lists each movie is.
    traits : dict of int to dict of str to ndarray of float64, shape (E,)
        Per cut-off, what ``beyond_accuracy.list_figures`` says of them.
    raters : ndarray of int64, shape (T,)
        User index of those whose held-out stars were predicted, ascending.
    errors : dict of str to ndarray of float64, shape (T,)
        Their sums of errors; those named ``new_...`` are over ratings made as a new user. Empty where the data
        has no ratings or the model only ranks.
    """

    users: NDArray[np.int64]
    ranks: dict[str, NDArray[np.float64]]
    lists: dict[int, csr_array]
    traits: dict[int, dict[str, NDArray[np.float64]]]
    raters: NDArray[np.int64]
    errors: dict[str, NDArray[np.float64]]


def measure(
    split: Split,
    users: NDArray[np.int64],
    relevant: csr_array,
    top: NDArray[np.int64],
    predicted: NDArray[np.float32] | None,
    ks: Sequence[int],
) -> Measured:
    """Compare lists and predicted stars with what a split held out.

    Parameters
    ----------
    split : Split
    users, relevant
        From ``split.relevance``, E users.
    top : ndarray of int64, shape (E, K)
        Movie index of their recommendations.
    predicted : ndarray of float32, shape (P,), or None
        Stars of ``split.test``; None where there are none.
    ks : sequence of int
        Cut-offs.
    """
    lists = {k: beyond_accuracy.incidence(top[:, :k], split.train.movies) for k in ks}
    errors = {}
    if predicted is not None:
        errors = rating_errors(split.test.user_index, split.test.rating, predicted)
        new = np.isin(split.test_users, split.new_users)
        errors |= {f"new_{name}": errors[name] * new for name in ("squared", "count")}
    return Measured(
        users=users,
        ranks=ranking_metrics(top, relevant, ks),
        lists=lists,
        traits={k: beyond_accuracy.list_figures(found, split.train, users) for k, found in lists.items()},
        raters=split.test_users,
        errors=errors,
    )


def pooled(parts: Sequence[Measured]) -> Measured:
    """Several splits of one snapshot as one: per user the mean of what was measured, errors and lists added up."""
    if len(parts) == 1:
        return parts[0]
    users, place = np.unique(np.concatenate([part.users for part in parts]), return_inverse=True)
    raters, rater = np.unique(np.concatenate([part.raters for part in parts]), return_inverse=True)
    first = parts[0]

    def mean(vectors: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        values = np.concatenate(vectors)
        known = ~np.isnan(values)
        count = np.bincount(place[known], minlength=len(users))
        total = np.bincount(place[known], values[known], len(users))
        return np.asarray(np.divide(total, count, out=np.full(len(users), np.nan), where=count > 0))

    return Measured(
        users=users,
        ranks={name: mean([part.ranks[name] for part in parts]) for name in first.ranks},
        lists={k: _summed([part.lists[k] for part in parts], place) for k in first.lists},
        traits={
            k: {name: mean([part.traits[k][name] for part in parts]) for name in named}
            for k, named in first.traits.items()
        },
        raters=raters,
        errors={
            name: _added([part.errors[name] for part in parts], rater, len(raters)) for name in first.errors
        },
    )


def _added(sums: list[NDArray[np.float64]], place: NDArray[np.intp], users: int) -> NDArray[np.float64]:
    """What several splits have of the same user added up."""
    return np.bincount(place, np.concatenate(sums), users).astype(np.float64, copy=False)


def _summed(lists: list[csr_array], place: NDArray[np.intp]) -> csr_array:
    """Rows of the same user added up."""
    rows = np.arange(len(place))
    adding = csr_array((np.ones(len(place)), (place, rows)))  # (users, lists)
    return csr_array(adding @ csr_array(vstack(lists)))
