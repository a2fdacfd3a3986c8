"""Greedy selection: n rows of a pool of good ones, exact for its objective, for every user of a block.

The first row is the best one, every next one is what adds most to the rows before it:

    score - diversity * its likeness to the listed movie most like it
          + calibration * what it brings the list nearer to the user's own genres,

both in units of the pool's spread of scores, and among the movies that the caps still allow. The first is MMR
(Carbonell & Goldstein, SIGIR 1998). The second is calibration (Steck, RecSys 2018): the list's shares of genres q,
smoothed with a few films of just the user's own shares p, are to be near p, by the Kullback-Leibler divergence
KL(p || q). What a movie adds is the growth of sum_g p_g log(c p_g + films of g on the list), which is what the
divergence falls by but for a number that all candidates have in common. Both add less the longer the list, so
that what each row adds falls with its rank: that is the score readers see. Without any wish it is the model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.models.kernels.csr import Pattern, pattern_of
from recengine.models.kernels.topn import Lists
from recengine.runtime.threads import in_parts
from recengine.variety.greedy import Chosen, Content, Limits, Pool, Wishes, select_all

PART = 64  # users whose lists one thread makes at a time


class Cap(NamedTuple):
    """At most so many movies of one value in a list.

    Attributes
    ----------
    values : csr_array, shape (M, V)
        Which values a movie has: a stored entry counts, whatever it is. A movie without any is not capped.
    most : int
    """

    values: csr_array
    most: int


@dataclass(frozen=True)
class Variety:
    """How much a list is to vary.

    Attributes
    ----------
    genres : csr_array, shape (M, G)
        A stored entry is a genre of the movie.
    factors : ndarray of float32, shape (M, K)
        What movies are alike by beside genres: vectors of length 1, or of zeros; K may be 0.
    diversity, calibration : float
        Weights in 0 .. 1, 1 excluded; 0 is off. A weight w weighs w against 1 - w for the score.
    """

    genres: csr_array
    factors: NDArray[np.float32]
    diversity: float = 0.0
    calibration: float = 0.0

    @property
    def applies(self) -> bool:
        """Whether anything is asked."""
        return self.diversity > 0 or self.calibration > 0


class Selection(NamedTuple):
    """The chosen rows of each user's pool.

    Attributes
    ----------
    places : ndarray of int64, shape (B, n)
        Places in the pool; -1 where nothing was left.
    scores : ndarray of float32, shape (B, n)
        What each row added, in points of the pool's values, falling; -inf where nothing was left.
    ran_out : ndarray of bool, shape (B,)
        Whether a user has fewer than n rows although the pool was full: a larger one may hold more.
    """

    places: NDArray[np.int64]
    scores: NDArray[np.float32]
    ran_out: NDArray[np.bool_]


def select(
    pool: Lists,
    n: int,
    *,
    caps: Sequence[Cap] = (),
    pinned: NDArray[np.bool_] | None = None,
    variety: Variety | None = None,
    tastes: csr_array | None = None,
) -> Selection:
    """Choose n rows of every user's pool; of equal ones the smaller movie.

    Parameters
    ----------
    pool : Lists
        Falling values (B, P), equal ones in the order of the movies, and movies (B, P), none twice; -inf and -1
        where there is none. Pinned rows may stand anywhere.
    n : int
    caps : sequence of Cap
        All of them hold.
    pinned : ndarray of bool, shape (B, P), optional
        Rows that come first, in their order. No cap keeps them out, and they count towards all. Their scores are
        raised to that of the row after them.
    variety : Variety, optional
    tastes : csr_array, shape (B, G), optional
        From ``tastes_of``; needed where calibration is asked.
    """
    pinned = np.zeros(pool.ids.shape, dtype=np.bool_) if pinned is None else pinned
    varies = variety is not None and variety.applies
    chosen = _plain(pool, n) if not (varies or caps or pinned.any()) else None
    if chosen is None:
        chosen = Chosen(np.full((len(pool.ids), n), -1), np.full((len(pool.ids), n), -np.inf, np.float32))
        rows = Pool(np.ascontiguousarray(pool.values), np.ascontiguousarray(pool.ids), pinned)
        movies = int(pool.ids.max(initial=-1)) + 1
        parts = (rows, _limits(caps, movies), *_wishes(variety if varies else None, tastes, pool))
        in_parts(lambda first, last: select_all(first, last, *parts, chosen), len(pool.ids), PART)
    short = (chosen.places < 0).any(axis=1)
    full = pool.ids[:, -1] >= 0 if pool.ids.shape[1] else np.zeros(len(pool.ids), dtype=np.bool_)
    return Selection(*chosen, ran_out=short & full)


def tastes_of(rated: csr_array, genres: csr_array) -> csr_array:
    """Each user's shares of genres, float64 of shape (B, G): a movie with three genres gives each a third.

    Parameters
    ----------
    rated : csr_array, shape (B, M)
        A stored entry is a movie of the user's.
    genres : csr_array, shape (M, G)

    Returns
    -------
    csr_array
        Rows add up to 1; those of users without a movie with genres are empty.
    """
    ones = csr_array((np.ones(rated.nnz), rated.indices, rated.indptr), shape=rated.shape)
    each = 1 / np.maximum(np.diff(genres.indptr), 1)  # (M,)
    shares = np.repeat(each, np.diff(genres.indptr))
    counted = csr_array(ones @ csr_array((shares, genres.indices, genres.indptr), shape=genres.shape))
    counted.sort_indices()
    totals = np.repeat(np.asarray(counted.sum(axis=1)), np.diff(counted.indptr))
    return csr_array((counted.data / totals, counted.indices, counted.indptr), shape=counted.shape)


def _plain(pool: Lists, n: int) -> Chosen:
    """The pool's own order."""
    size = min(n, pool.ids.shape[1])
    places, scores = np.full((len(pool.ids), n), -1), np.full((len(pool.ids), n), -np.inf, np.float32)
    places[:, :size] = np.where(pool.ids[:, :size] >= 0, np.arange(size), -1)
    scores[:, :size] = np.where(pool.ids[:, :size] >= 0, pool.values[:, :size], -np.inf)
    return Chosen(places, scores)


def _limits(caps: Sequence[Cap], movies: int) -> Limits:
    """All caps as one: their values side by side."""
    if not caps:
        return Limits(_nothing(movies), np.zeros(0, dtype=np.int64))
    rows, columns, most, width = [], [], [], 0
    for cap in caps:
        values = cap.values.tocoo()
        rows.append(values.row)
        columns.append(values.col.astype(np.int64) + width)
        most.append(np.full(cap.values.shape[1], cap.most, dtype=np.int64))
        width += cap.values.shape[1]
    row, column = np.concatenate(rows), np.concatenate(columns)
    shape = (max(cap.values.shape[0] for cap in caps), width)
    both = csr_array((np.ones(len(row), dtype=np.int8), (row, column)), shape=shape)
    both.sum_duplicates()
    return Limits(pattern_of(both), np.concatenate(most))


def _wishes(variety: Variety | None, tastes: csr_array | None, pool: Lists) -> tuple[Content, Wishes]:
    users, movies = len(pool.ids), int(pool.ids.max(initial=-1)) + 1
    if variety is None:
        content = Content(_nothing(movies), 0, np.zeros((movies, 0), dtype=np.float32))
        return content, Wishes(0.0, 0.0, _nothing(users), np.zeros(0))
    factors = np.ascontiguousarray(variety.factors, dtype=np.float32)
    content = Content(pattern_of(variety.genres), int(variety.genres.shape[1]), factors)
    if not variety.calibration:
        return content, Wishes(_odds(variety.diversity), 0.0, _nothing(users), np.zeros(0))
    if tastes is None:
        raise ValueError("Calibration needs the users' tastes")
    shares = tastes.data.astype(np.float64)
    return content, Wishes(_odds(variety.diversity), _odds(variety.calibration), pattern_of(tastes), shares)


def _odds(weight: float) -> float:
    """What a weight is where the score's is 1."""
    return float(weight / (1 - weight))


def _nothing(rows: int) -> Pattern:
    return Pattern(np.zeros(rows + 1, dtype=np.int64), np.zeros(0, dtype=np.int32))
