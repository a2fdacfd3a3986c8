"""Why each listed movie is listed: exact reasons of whole tables, streamed as Arrow.

While lists are made they are heard of, 12 bytes a row at most; afterwards their scores are taken apart, some users at
a time. What a list's switches added is a reason as any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recengine.dataset import Snapshot
from recengine.models.base import Model
from recengine.models.excluded import Boosts
from recengine.models.reasons import ATTRIBUTE, KINDS, MOVIE, RULE, VARIETY, Reasons

REASONS = pa.schema(
    [
        ("user_id", pa.int64()),
        ("rank", pa.int32()),
        ("reason", pa.int32()),
        ("kind", pa.string()),
        ("because_movie_id", pa.int64()),
        ("attribute", pa.string()),
        ("part", pa.float32()),
        ("share", pa.float32()),
    ]
)

AT_ONCE = 2**19  # parts that lie in memory together
NAMES = pa.array([*KINDS, "rest"])
REST = len(KINDS)

OFF = "off"
EXACT = "exact"
NONE = "none: the model {model} does not say exactly what its scores consist of"


class Heard(NamedTuple):
    """Lists of n movies for B users, and the model that made them; ``varied`` where switches changed scores."""

    model: Model
    users: NDArray[np.int64]
    scores: NDArray[np.float32]
    movies: NDArray[np.int32]
    varied: NDArray[np.float32] | None


Scored = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]
Hearer = Callable[[Model, NDArray[np.int64], Scored], None]
"""Told of the lists of some users: the model, the users, and their scores, movies and what switches added."""


class Explaining:
    """Reasons of the lists that it hears of.

    Parameters
    ----------
    snapshot : Snapshot
        The one the model was fitted on.
    k : int
        Reasons by themselves, beside the rest; 0: nothing is explained.
    boosts : Boosts, optional
        With which the lists were made.

    Attributes
    ----------
    said : str
        What came of it, for readers: ``exact``, ``off``, or why there are none.
    seconds : float
        It took, with the writing, once all batches are read.
    """

    def __init__(self, snapshot: Snapshot, k: int, boosts: Boosts | None = None) -> None:
        self.snapshot, self.k, self.boosts = snapshot, k, boosts
        self.said, self.seconds = EXACT if k else OFF, 0.0
        self._heard: list[Heard] = []

    def hear(
        self,
        model: Model,
        users: NDArray[np.int64],
        listed: Scored,
    ) -> None:
        """Keep the lists of users (B,): scores, movies and what switches added, each (B, n)."""
        if self.k:
            scores, movies, varied = listed
            added = varied if varied.any() else None
            self._heard.append(Heard(model, users, scores, movies.astype(np.int32), added))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Columns of ``REASONS``, ordered by user, rank and reason; none of a model without exact parts."""
        began = time.perf_counter()
        for heard in self._heard:
            size = max(1, AT_ONCE // (heard.movies.shape[1] * (self.k + 1)))
            for start in range(0, len(heard.users), size):
                batch = self._batch(heard, slice(start, start + size))
                if batch is None:
                    self.said = NONE.format(model=heard.model.name)
                    return
                yield batch
        self.seconds = time.perf_counter() - began

    def _batch(self, heard: Heard, part: slice) -> pa.RecordBatch | None:
        users, movies = heard.users[part], heard.movies[part].astype(np.int64)
        found = heard.model.reasons(self.snapshot, users, movies, self.k, self.boosts)
        if found is None:
            return None
        if heard.varied is not None:
            varied, scores = heard.varied[part], heard.scores[part]
            pinned = np.isnan(varied)
            found = found.plus(VARIETY, np.where(pinned, 0, varied))
            found = found.plus(RULE, np.where(pinned, scores - found.totals, 0)) if pinned.any() else found
        return _rows(self.snapshot, users, found, np.isfinite(heard.scores[part]))


def _rows(
    snapshot: Snapshot, users: NDArray[np.int64], found: Reasons, listed: NDArray[np.bool_]
) -> pa.RecordBatch:
    """A row per reason of what is listed, (B, n), and one for the rest."""
    ranks = np.cumsum(listed, axis=1, dtype=np.int32)
    single = found.parts.astype(np.float32)
    rest = found.totals - single.sum(axis=2, dtype=np.float64)  # with what rounding took from the others
    parts = np.concatenate([single, rest.astype(np.float32)[..., None]], axis=2)
    kinds = np.concatenate([found.kinds, np.full((*rest.shape, 1), REST, dtype=np.int8)], axis=2)
    about = np.concatenate([found.about, np.full((*rest.shape, 1), -1)], axis=2)
    kept = (kinds >= 0) & listed[..., None]
    user, rank, _ = kept.nonzero()
    kind, what, part, size = kinds[kept], about[kept], parts[kept], found.sizes[user, rank]
    of_movie, of_attribute = kind == MOVIE, kind == ATTRIBUTE
    movie = snapshot.movie_ids[np.where(of_movie, what, 0)]
    columns = pa.array([*snapshot.user_columns, ""])  # never without one
    attribute = pa.array(np.where(of_attribute, what, 0), mask=~of_attribute)
    return pa.RecordBatch.from_arrays(
        [
            pa.array(snapshot.user_ids[users[user]]),
            pa.array(ranks[user, rank]),
            pa.array(np.cumsum(kept, axis=2, dtype=np.int32)[kept]),
            NAMES.take(pa.array(kind)),
            pa.array(movie, mask=~of_movie),
            columns.take(attribute),
            pa.array(part),
            pa.array((part / np.where(size > 0, size, 1)).astype(np.float32)),
        ],
        schema=REASONS,
    )
