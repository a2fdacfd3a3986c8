"""``fit``, ``recommend``, ``similar``, ``evaluate`` and ``load``: the engine's own stages, called from Python."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from recengine import score
from recengine.config import Home
from recengine.dataset import Snapshot
from recengine.errors import BadInput, NotReady
from recengine.evaluation import evaluate as evaluation
from recengine.evaluation.bootstrap import Bootstrap
from recengine.evaluation.runner import hold_out
from recengine.library.dataset import Dataset, dataset_of
from recengine.library.unseen import unseen
from recengine.models import make, store
from recengine.models.base import Model
from recengine.models.recipes import checked_knobs
from recengine.serving.queries import serving


@dataclass(frozen=True, repr=False)
class Recommender:
    """A fitted model and the data it was fitted on; made by ``recengine.fit`` or ``recengine.load``.

    Attributes
    ----------
    model : Model
        The fitted model; ``model.config`` are its knobs, ``model.history`` what it logged while it was fitted.
    dataset : Dataset
        Whose ratings count as seen, and whose ids the lists have.
    """

    model: Model
    dataset: Dataset

    def __repr__(self) -> str:
        return f"<Recommender {self.model.name} fitted on {self.dataset!r}>"


def fit(dataset: Dataset, model: str = "hybrid", *, device: str = "cpu", **knobs: Any) -> Recommender:
    """Fit a model on every rating, as the nightly run does once a model is chosen.

    Parameters
    ----------
    dataset : Dataset
        From ``read``.
    model : str
        ``hybrid``, ``ease``, ``sae``, ``popularity``, or the import path of a class of your own
        (``mypackage.models:MyModel``).
    device : str
        Torch device of what can use one: ``cpu``, ``cuda``, ``mps``.
    **knobs
        Of the model, such as ``seed=1``, ``recency="off"``, ``ranking={"ridge": 300}``: see its ``Config``.

    Returns
    -------
    Recommender

    Raises
    ------
    BadInput
        There is no such model or knob, or the data is none that the model can use.
    """
    return Recommender(_made(model, knobs).fit(dataset.snapshot, device=device), dataset)


def recommend(
    recommender: Recommender, users: Any = None, n: int = 10, *, ratings: Any = None
) -> pd.DataFrame:
    """The n best movies of users, none of which they have rated.

    People whom the data does not know are folded in: nothing is fitted again. Lists of all built-in models, and
    stars of all but ``hybrid``, are exactly what a known user of the same ratings has. The stars that ``hybrid``
    predicts for them come from the spread of the known users: on 150 users of ml-100k who were left out, an RMSE
    of 0.877 from half of their ratings, where a model fitted with that half has 0.872, and user and movie means
    0.930. What else is known of them, such as their age, is not asked for.

    Parameters
    ----------
    recommender : Recommender
        From ``fit`` or ``load``.
    users : one id or sequence of ids, optional
        The data's own; all users when left out.
    n : int
        Movies per user; fewer only where fewer unseen ones exist.
    ratings : dict of movie id to rating, or table, optional
        Of somebody whom the data does not know; a table has columns movie, rating and, where it is of several people,
        user. Who is known all the same is taken as having these ratings only.

    Returns
    -------
    DataFrame
        Columns user_id, rank (1 is best), movie_id, score, predicted_rating (missing where the data has no ratings or
        the model predicts none), in the order of the users asked for, else of their ids. user_id is missing for one
        person without an id.

    Raises
    ------
    BadInput
        The data has no such user or movie, a rating is off its scale, or the model cannot fold in.
    """
    if n < 1:
        raise BadInput(f"n is {n!r}; ask for at least 1 movie.")
    data, model = recommender.dataset, recommender.model
    if ratings is not None:
        if users is not None:
            raise BadInput(
                "users are people of the data and ratings those of somebody new; ask for one of them."
            )
        labels, others = unseen(data, ratings)
        return _lists(model.fold_in(data.snapshot, others), data, others, labels, n)
    if users is None:
        return _lists(model, data, data.snapshot, data.user_labels, n)
    asked = pd.unique(data.users_at(users))
    found = _lists(model, data, data.snapshot, data.user_labels, n, np.sort(asked))
    order = pd.Index(data.user_labels[asked]).get_indexer(pd.Index(found["user_id"]))
    return found.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)


def similar(data: Dataset | Recommender, movie_ids: Any = None, n: int = 10) -> pd.DataFrame:
    """The movies that the same people rated, nearest first.

    Parameters
    ----------
    data : Dataset or Recommender
        Whose ratings tell; the model is not asked.
    movie_ids : one id or sequence of ids, optional
        The data's own; all films when left out.
    n : int
        Neighbours per movie; fewer where fewer share a rater.

    Returns
    -------
    DataFrame
        Columns movie_id, rank, similar_movie_id, score (in 0 to 1: shrunken cosine), in the order asked for.

    Raises
    ------
    BadInput
        The data has no such movie.
    """
    if n < 1:
        raise BadInput(f"n is {n!r}; ask for at least 1 movie.")
    dataset = data.dataset if isinstance(data, Recommender) else data
    snapshot, labels = dataset.snapshot, dataset.movie_labels
    found = score.similar_movies(snapshot, n).to_pandas()
    at = np.searchsorted(snapshot.movie_ids, found["movie_id"])
    found["similar_movie_id"] = labels[np.searchsorted(snapshot.movie_ids, found["similar_movie_id"])]
    if movie_ids is None:
        return found.assign(movie_id=labels[at])
    asked = [movie_ids] if np.ndim(movie_ids) == 0 else list(movie_ids)
    starts = np.searchsorted(at, dataset.movies_at(asked), side="left")
    stops = np.searchsorted(at, dataset.movies_at(asked), side="right")
    rows = [np.arange(start, stop) for start, stop in zip(starts, stops, strict=True)]
    taken = found.iloc[np.concatenate([np.arange(0), *rows])].reset_index(drop=True)
    return taken.assign(movie_id=np.repeat(np.array(asked, dtype=labels.dtype), stops - starts))


def evaluate(
    dataset: Dataset,
    model: str | Recommender = "hybrid",
    *,
    protocol: str = "temporal",
    share: float | None = None,
    ks: Sequence[int] = (5, 10, 20),
    seed: int = 0,
    **knobs: Any,
) -> evaluation.Evaluation:
    """How good a model is on ratings that it has not seen.

    Parameters
    ----------
    dataset : Dataset
        From ``read``; a part of its ratings is held out, and the model fitted on the rest.
    model : str or Recommender
        As for ``fit``; of a Recommender the recipe is taken and fitted anew, because what it was fitted on cannot
        judge it.
    protocol : str
        ``temporal`` (the newest ratings of all), ``random`` (of each user) or ``leave-one-out`` (the newest of each
        user).
    share : float, optional
        Share of the ratings to hold out: 0.2 of all for ``temporal``, 0.25 of each user's for ``random``.
    ks : sequence of int
        Cut-offs of the lists.
    seed : int
        Of the split and of the intervals.
    **knobs
        Of the model, where it is given by name.

    Returns
    -------
    Evaluation
        ``metrics`` by name ("ndcg@10", "rmse" ...), ``intervals`` of each, and ``description`` in a sentence.

    Raises
    ------
    BadInput
        Nothing can be held out, or there is no such protocol, model or knob.
    """
    if isinstance(model, Recommender) and knobs:
        raise BadInput("A Recommender has its knobs already; leave them out, or name a model instead of it.")
    split = hold_out(dataset.snapshot, protocol, share, seed)
    given = model.model if isinstance(model, Recommender) else _made(model, knobs)
    fresh = type(given)(given.config)
    return evaluation.evaluate(lambda: fresh, split, ks=ks, bootstrap=Bootstrap(seed=seed))


def load(home: str | os.PathLike[str]) -> Recommender:
    """The model whose lists are published in a home, with the data it was fitted on.

    Parameters
    ----------
    home : path
        The folder that nightly runs keep everything in.

    Returns
    -------
    Recommender
        Its lists are those that are published.

    Raises
    ------
    NotReady
        Nothing is published there, or newer data has since taken the place of what the model was fitted on.
    """
    chosen = Home(Path(home).absolute())
    with serving(chosen) as con:
        [(model_id,)] = con.execute("SELECT model_id FROM publication").fetchall()
        folder = chosen.snapshots / store.manifest_of(chosen, model_id).snapshot
        if Snapshot.problem_of(folder) is not None:
            raise NotReady(
                f"The data that {model_id} was fitted on is no longer under {chosen.root}",
                "publish a model of today's data, or read and fit",
            )
        dataset = dataset_of(con, Snapshot.load(folder))
    return Recommender(store.load(chosen, model_id), dataset)


def _made(model: str, knobs: dict[str, Any]) -> Model:
    return make(model, **checked_knobs(model, knobs))


def _lists(
    model: Model,
    data: Dataset,
    snapshot: Snapshot,
    labels: NDArray[Any],
    n: int,
    users: slice | NDArray[np.int64] = slice(None),
) -> pd.DataFrame:
    """The lists of users of a snapshot, ascending, under their labels and the data's own ids of movies."""
    batches = score.recommend(model, snapshot, n, users)
    found = pa.Table.from_batches(batches, schema=score.RECOMMENDATIONS).to_pandas()
    found["user_id"] = labels[np.searchsorted(snapshot.user_ids, found["user_id"])]
    found["movie_id"] = data.movie_labels[np.searchsorted(snapshot.movie_ids, found["movie_id"])]
    return found
