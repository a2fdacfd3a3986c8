"""Rows that show what nobody else's list shows: some users' last rows come from a slice of the catalogue each.

Every list's best movies are much the same few. Where popularity is debiased, some users, ``scouts``, drawn by their
id, have in place of their own rows movies of a 256th of the catalogue, drawn by the movies' ids: of the best tenth
there, what they would like more than others do, by how many standard deviations of the movie's scores. To recommend
users to movies rather than movies to users is the idea of Vargas & Castells, RecSys 2014. It costs the less, the
fewer scouts there are, and of many users a small share is enough to show several times as many movies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recengine.dataset import Snapshot
from recengine.models.base import Model
from recengine.models.excluded import Boosts, Excluded
from recengine.models.kernels.topn import Lists
from recengine.variety.drawn import SCOUT, SLICE_OF_MOVIE, SLICE_OF_USER, drawn
from recengine.variety.selection import Cap, select

GROUPS, FINER = 16, 16  # slices whose best are searched together, and of each of these
BEST = 10  # one in so many movies, a user's best, may be shown by a scout


class Found(NamedTuple):
    """What some users' last rows show.

    Attributes
    ----------
    rows : ndarray of int64, shape (S,)
        Whose.
    movies : ndarray of int64, shape (S, own)
    values : ndarray of float32, shape (S, own)
        The model's scores of these, falling.
    """

    rows: NDArray[np.int64]
    movies: NDArray[np.int64]
    values: NDArray[np.float32]


class Field(NamedTuple):
    """Everybody's scores of a movie, float32 of shape (M,): their mean and their standard deviation."""

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]


class Search(NamedTuple):
    """In what movies are looked for: whose scores, what may be shown."""

    model: Model
    snapshot: Snapshot
    excluded: Excluded
    boosts: Boosts | None
    caps: Sequence[Cap]


def are_scouts(user_ids: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Which users are: about such a share, the same ones every time, and more of them where the share is larger."""
    return drawn(user_ids, SCOUT) < share * 2.0**32


def found_by(
    search: Search, users: NDArray[np.int64], kept: NDArray[np.int64], own: int, field: Field
) -> Iterator[Found]:
    """What scouts show, group by group; nothing of a scout for whom too few movies are left.

    Parameters
    ----------
    search : Search
    users : ndarray of int64, shape (B,)
        Ascending user indices of scouts.
    kept : ndarray of int64, shape (B, n - own)
        Movies of their lists that stay.
    own : int
        Rows to fill.
    field : Field
        Of the scores that ``search.model.best`` gives.
    """
    snapshot = search.snapshot
    slices = GROUPS * FINER
    wanted = drawn(snapshot.user_ids[users], SLICE_OF_USER) % slices
    there = drawn(snapshot.movie_ids, SLICE_OF_MOVIE) % slices
    size = min(kept.shape[1] + own + snapshot.movies // (BEST * GROUPS), snapshot.movies)
    for group in np.unique(wanted // FINER):
        rows = np.flatnonzero(wanted // FINER == group)
        outside = search.excluded.everyone | (there // FINER != group)
        excluded = replace(search.excluded, everyone=outside)
        best = search.model.best(snapshot, users[rows], size, excluded, search.boosts)
        pool = Lists(best[0].numpy(), best[1].numpy())
        inside = there[pool.ids] == wanted[rows, None]
        yield _chosen(rows, pool, inside, kept[rows], own, field, search.caps)


def _chosen(
    rows: NDArray[np.int64],
    pool: Lists,
    inside: NDArray[np.bool_],
    kept: NDArray[np.int64],
    own: int,
    field: Field,
    caps: Sequence[Cap],
) -> Found:
    """The rows of a pool that stand out most, those of the user's own slice first."""
    n, movies = kept.shape[1] + own, np.maximum(pool.ids, 0)
    above = (pool.values - field.mean[movies]) / field.spread[movies]
    free = (pool.ids >= 0) & ~(pool.ids[:, :, None] == kept[:, None, :]).any(axis=2)
    order = np.lexsort((pool.ids, -above, ~inside, ~free), axis=1)
    ids = np.where(np.take_along_axis(free, order, axis=1), np.take_along_axis(pool.ids, order, axis=1), -1)
    falling = np.where(ids >= 0, -np.arange(ids.shape[1], dtype=np.float32), -np.inf).astype(np.float32)
    mixed = Lists(
        np.hstack([np.zeros(kept.shape, dtype=np.float32), falling]), np.hstack([kept, ids]).astype(np.int64)
    )
    pinned = np.zeros(mixed.ids.shape, dtype=np.bool_)
    pinned[:, : n - own] = True
    places = select(mixed, n, caps=caps, pinned=pinned).places[:, n - own :] - (n - own)
    enough = (places >= 0).all(axis=1)
    places = np.take_along_axis(order, np.maximum(places, 0), axis=1)
    places = np.sort(places, axis=1)[enough]  # the pool is in the order of its scores
    values, ids = (np.take_along_axis(each[enough], places, axis=1) for each in pool)
    return Found(rows[enough], ids, values)
