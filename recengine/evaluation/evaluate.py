"""Judge a model by a split: its lists over the full catalogue, its predicted stars, what its lists are like.

Every figure comes with a bootstrap interval over users, and the rank metrics also user by user, for paired
tests (see ``recengine.selection.gate``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recengine.dataset import Snapshot
from recengine.errors import BadInput, NotFinite
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.figures import (
    Figures,
    exposure_figures,
    list_figures,
    mean_figures,
    rating_figures,
)
from recengine.evaluation.measuring import Measured, measure, pooled
from recengine.evaluation.pricing import Listing, Lists, Price, price_of
from recengine.evaluation.splits import Split
from recengine.models.base import Model, OnProgress, silent
from recengine.runtime.threads import own_threads

_USERS = 4096  # scored between two reports of progress


@dataclass(frozen=True)
class Evaluation:
    """What a model is worth on one split.

    Attributes
    ----------
    model : str
        The model's name.
    protocol, description : str
        Of the split.
    metrics : dict of str to float
        By name: "ndcg@10", "rmse", "coverage@10" ... Rating metrics are over all held-out ratings, those of
        new users included ("rmse_new_users" has these apart, where there are any); all others are over the
        known users with something relevant.
    intervals : dict of str to (float, float)
        Bootstrap interval of every metric. Coverage and Gini are biased under resampling (a draw has fewer
        different users), so their interval is moved until its draws' mean meets the estimate.
    users : ndarray of int64, shape (E,)
        User index of the judged lists.
    per_user : dict of str to ndarray of float64, shape (E,)
        Rank metrics of each of them.
    counts : dict of str to int
        Of the split, and ``judged_users``.
    seconds : dict of str to float
        Wall time of ``fit`` (where it was fitted here), ``score``, ``predict`` and ``judge``.
    confidence : float
        Of the intervals.
    history : list of dict
        What the fit on the first split logged per step.
    prices : list of Price
        Of the other lists that were asked for.
    """

    model: str
    protocol: str
    description: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    users: NDArray[np.int64]
    per_user: dict[str, NDArray[np.float64]]
    counts: dict[str, int]
    seconds: dict[str, float]
    confidence: float
    history: list[dict[str, float]] = field(default_factory=list)
    prices: list[Price] = field(default_factory=list)


@own_threads()
def evaluate(
    model: Model | Callable[[], Model],
    split: Split | Sequence[Split],
    *,
    ks: Sequence[int] = (5, 10, 20),
    relevant_from: float | None = None,
    bootstrap: Bootstrap = Bootstrap(),  # noqa: B008 - frozen
    listings: Mapping[str, Listing] | None = None,
    device: str = "cpu",
    on_progress: OnProgress = silent,
) -> Evaluation:
    """Judge a model by what a split held out.

    Parameters
    ----------
    model : Model or callable without arguments
        A model already fitted on ``split.train``, or what makes an unfitted one, which is then fitted here.
    split : Split or sequence of Split
        From ``recengine.evaluation.splits``. Several, of one snapshot, are judged as one: a user of more than one of
        them counts once, with the mean of what was measured. The model is then fitted here for each.
    ks : sequence of int
        Cut-offs of the lists.
    relevant_from : float, optional
        Lowest rating of a relevant movie, in stars; by default every held-out movie is relevant.
    bootstrap : Bootstrap
        Draws, seed and confidence of the intervals.
    listings : mapping of str to Listing, optional
        Other lists of the same fitted model, by name, each of which is priced.
    device : str
        Where to fit.
    on_progress : callable
        Told of the fitting and of the users scored.

    Returns
    -------
    Evaluation

    Raises
    ------
    BadInput
        If no known user has anything relevant held out.
    NotFinite
        If the model's scores or stars are not finite.
    """
    splits = [split] if isinstance(split, Split) else list(split)
    clock, listings = _Clock({}), listings or {}
    parts, models = [], []
    others: dict[str, list[Measured]] = {name: [] for name in listings}
    for one in splits:
        fitted = model if isinstance(model, Model) else _fit(model, one, device, on_progress, clock)
        models.append((fitted.name, fitted.history))
        parts.append(_measured(fitted, one, ks, relevant_from, on_progress, clock))
        for name, listing in listings.items():
            others[name].append(_listed(listing(fitted, one.train), one, ks, relevant_from))
            clock.lap("price")
    measured = pooled(parts)
    figures = _figures(measured, bootstrap)
    clock.lap("judge")
    return Evaluation(
        model=models[0][0],
        protocol=splits[0].protocol,
        description=" ".join(one.description for one in splits),
        metrics={name: estimate for name, (estimate, _, _) in figures.items()},
        intervals={name: (low, high) for name, (_, low, high) in figures.items()},
        users=measured.users,
        per_user=measured.ranks,
        counts=splits[0].counts | {"judged_users": len(measured.users)},
        seconds=clock.seconds,
        confidence=bootstrap.confidence,
        history=models[0][1],
        prices=[price_of(name, measured, pooled(other), bootstrap) for name, other in others.items()],
    )


def _fit(
    make: Callable[[], Model], split: Split, device: str, on_progress: OnProgress, clock: _Clock
) -> Model:
    fitted = make().fit(split.train, device=device, on_progress=on_progress)
    clock.lap("fit")
    return fitted


def _measured(
    model: Model,
    split: Split,
    ks: Sequence[int],
    relevant_from: float | None,
    on_progress: OnProgress,
    clock: _Clock,
) -> Measured:
    users, relevant = split.relevance(relevant_from)
    if not len(users):
        raise BadInput(
            "No user has both training ratings and relevant held-out ones "
            f"({split.description.rstrip('.')}); use --protocol random or leave-one-out."
        )
    top = recommend(model, split.train, users, max(ks), on_progress)
    clock.lap("score")
    predicted = _predicted(model, split)
    clock.lap("predict")
    measured = measure(split, users, relevant, top, predicted, ks)
    clock.lap("judge")
    return measured


def _listed(lists: Lists, split: Split, ks: Sequence[int], relevant_from: float | None) -> Measured:
    """Other lists of the same users."""
    users, relevant = split.relevance(relevant_from)
    top = np.vstack([lists(users[at : at + _USERS], max(ks)) for at in range(0, len(users), _USERS)])
    return measure(split, users, relevant, top, None, ks)


def _figures(measured: Measured, bootstrap: Bootstrap) -> Figures:
    """All figures that are defined here."""
    figures = mean_figures(measured.ranks, bootstrap)
    if measured.errors:
        figures |= rating_figures(measured.errors, bootstrap)
    for k, lists in measured.lists.items():
        named = list_figures(measured.traits[k], bootstrap) | exposure_figures(lists, bootstrap)
        figures |= {f"{name}@{k}": figure for name, figure in named.items()}
    return {name: figure for name, figure in figures.items() if not np.isnan(figure[0])}


def _predicted(model: Model, split: Split) -> NDArray[np.float32] | None:
    """Predicted ratings of what was held out, (P,); None where the data has none or the model only ranks."""
    if split.train.implicit:
        return None
    predicted = model.predict(split.train, split.test.user_index, split.test.movie_index)
    if predicted is not None and not np.isfinite(predicted).all():
        raise NotFinite(model.name, "stars")
    return predicted


def recommend(
    model: Model, train: Snapshot, users: NDArray[np.int64], n: int, on_progress: OnProgress = silent
) -> NDArray[np.int64]:
    """The best unseen movies of some users.

    Parameters
    ----------
    model : Model
        Fitted on ``train``.
    train : Snapshot
        Its ratings count as seen.
    users : ndarray of int64, shape (E,)
        User index, ascending.
    n : int
        Length of the lists.
    on_progress : callable
        Told of the users done.

    Returns
    -------
    ndarray of int64, shape (E, n)
        Movie index, best first, equal scores in the order of the movies; -1 where nothing is left.
    """
    top = np.empty((len(users), n), dtype=np.int64)
    for start in range(0, len(users), _USERS):
        part = slice(start, start + _USERS)
        top[part] = model.best(train, users[part], n)[1].numpy()
        on_progress("scoring", min(start + _USERS, len(users)), len(users))
    return top


class _Clock:
    """Adds the seconds since the last lap under a name."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds, self.since = seconds, time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name], self.since = self.seconds.get(name, 0) + now - self.since, now
