"""Ratings of people whom the data does not know, as rows that a fitted model can take in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.library.dataset import Dataset
from recengine.library.frames import is_frame
from recengine.movielens.spellings import columns_of, usual


def unseen(data: Dataset, ratings: Any) -> tuple[NDArray[Any], Snapshot]:
    """New users with their ratings.

    Parameters
    ----------
    data : Dataset
        Whose movies are rated.
    ratings : mapping of movie id to rating, or table
        One person's ratings; or a table of movie, rating and, where it is of several, user. Of two ratings of one
        film the last counts.

    Returns
    -------
    labels : ndarray, shape (B,)
        The table's own ids, in its order; None for one person without an id.
    others : Snapshot
        Of these users in that order, numbered from 0.

    Raises
    ------
    BadInput
        A movie is not in the data, a rating is off its scale or missing, or there is none.
    """
    frame = _frame_of(ratings)
    if not len(frame):
        raise BadInput("There is no rating of the new user; give at least one.")
    snapshot = data.snapshot
    frame["at"] = data.movies_at(frame["movie_id"])
    if snapshot.scale is None:
        frame["rating"] = 1.0
    elif not (within := pd.to_numeric(frame["rating"], errors="coerce").between(*snapshot.scale)).all():
        low, high = snapshot.scale
        odd = frame["rating"][~within].iloc[0]
        raise BadInput(f"The rating {odd} is not on the data's scale; give one from {low:g} to {high:g}.")
    rows, labels = pd.factorize(frame["user_id"], use_na_sentinel=False)
    frame["row"] = rows
    kept = frame.drop_duplicates(["row", "at"], keep="last").sort_values(["row", "at"])
    pointers = np.searchsorted(kept["row"], np.arange(len(labels) + 1))
    entries = (kept["rating"].to_numpy(np.float32), kept["at"].to_numpy(np.int32), pointers.astype(np.int32))
    matrix = csr_array(entries, shape=(len(labels), snapshot.movies))
    rated_at = np.full(matrix.nnz, snapshot.rated_at.max(initial=0))
    return np.asarray(labels, dtype=object), snapshot.with_users(np.arange(len(labels)), matrix, rated_at)


def _frame_of(ratings: Any) -> pd.DataFrame:
    """Columns user_id, movie_id and rating, the first None and the last NaN where not given."""
    if isinstance(ratings, Mapping) and all(np.ndim(rating) == 0 for rating in ratings.values()):
        movies = pd.Series(list(ratings))
        return pd.DataFrame({"user_id": None, "movie_id": movies, "rating": list(ratings.values())})
    if not is_frame(ratings):
        raise BadInput(
            f"The new user's ratings are a {type(ratings).__name__}; give a dict of movie ids and ratings, "
            "or a table."
        )
    table = pa.table(dict(ratings) if isinstance(ratings, Mapping) else ratings).to_pandas()
    places = columns_of(list(table.columns), "ratings")
    if "movie_id" not in places:
        raise BadInput(
            f"The new users' ratings lack {usual('movie_id')} under any usual name; the columns are "
            f"{', '.join(table.columns)}."
        )
    given = {
        name: table.iloc[:, places[name]] for name in ("user_id", "movie_id", "rating") if name in places
    }
    return pd.DataFrame({"user_id": None, "rating": np.nan} | given)
