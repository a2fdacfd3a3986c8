"""The two half-steps of iALS over shards of rows: here, or as an engine's tasks.

Rows (users, and below them those of genres) are encoded where they lie: their factors follow from the movies' alone.
What the movies' factors need of them are sums, which are added in the order of the shards, so that everybody gets the
same bits. Only the movies' factors go to a shard, only sums come back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from recengine.dataset import Snapshot
from recengine.models.kernels.batched_ridge import Problem, Rows
from recengine.models.kernels.normal_equations import add_sums, packed_width, solved
from recengine.models.kernels.popular_first import Order, rows_of

Factors = NDArray[np.float32]
Plan = Mapping[str, Any]
Work = Callable[[Snapshot, Plan], Factors]


class SumsOfShards(Protocol):
    """Computes shards elsewhere: ``models.spread.Spread``."""

    def total(self, work: Work, plan: Plan) -> Factors:
        """The sum over the shards of ``work(shard, plan)``."""
        ...

    def stacked(self, work: Work, plan: Plan) -> Factors:
        """The same one below the other."""
        ...


class Penalty(NamedTuple):
    """Of a regression: ``ridge`` per entry it is fitted to, and what an unrated entry weighs."""

    ridge: float
    unrated: float


@dataclass(frozen=True)
class Stacked:
    """Rows of zeros and ones, (R, M): those of users in shards, and below them a last part that is no user's.

    Attributes
    ----------
    rated : csr_array of float32, shape (U, M)
        1 where rated.
    last : csr_array of float32, shape (R - U, M)
    shards : sequence of slice
        The users of each shard, in order.
    order : Order
        Of the movies, as the shards' work has to number them.
    spread : SumsOfShards or None
        Where shards are computed, if not here.
    """

    rated: csr_array
    last: csr_array
    shards: Sequence[slice]
    order: Order
    spread: SumsOfShards | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """R and M."""
        return self.rated.shape[0] + self.last.shape[0], self.rated.shape[1]

    @property
    def entries(self) -> int:
        """How many ones there are."""
        return int(self.rated.nnz + self.last.nnz)

    @cached_property
    def filled(self) -> int:
        """How many rows have any."""
        return sum(int(np.count_nonzero(np.diff(rows.indptr))) for rows in (self.rated, self.last))


class HalfSteps:
    """The half-steps on CPUs."""

    def __init__(self, rows: Stacked, penalty: Penalty) -> None:
        self.rows, self.penalty = rows, penalty
        self._columns: list[csr_array] = []  # each part's, once they have been needed

    def next(self, movies: Factors) -> Factors:
        """The movies' factors (M, K) that follow from the rows' that follow from these."""
        if self.rows.spread is not None:
            sums, last = np.array(self.rows.spread.total(sums_of, self._plan(movies))), self.rows.last
            _add_part(last.T.tocsr(), encoded(last, movies, self.penalty), sums)
            return self._solved(sums)
        sums = _no_sums(*movies.shape)
        for rows, columns in self._parts():
            _add_part(columns, encoded(rows, movies, self.penalty), sums)
        return self._solved(sums)

    def following(self, rows: Factors) -> Factors:
        """The movies' factors (M, K) that follow from the rows', (R, K)."""
        sums, first = _no_sums(self.rows.shape[1], rows.shape[1]), 0
        for _, columns in self._parts():
            _add_part(columns, rows[first : first + columns.shape[1]], sums)
            first += columns.shape[1]
        return self._solved(sums)

    def encoded(self, movies: Factors) -> Factors:
        """The rows' factors (R, K) that follow from the movies'; 0 of a row without entries."""
        if self.rows.spread is not None:
            users = self.rows.spread.stacked(encoded_of, self._plan(movies))
        else:
            users = encoded(self.rows.rated, movies, self.penalty)
        return np.concatenate([users, encoded(self.rows.last, movies, self.penalty)])

    def _plan(self, movies: Factors) -> Plan:
        order = self.rows.order
        return {"movies": order.movies, "warm": order.warm, "factors": movies} | self.penalty._asdict()

    def _solved(self, sums: Factors) -> Factors:
        """The movies' factors from all rows' sums; the last row of these has those of all entries together."""
        ridge, unrated = self.penalty
        width = int(((9 + 8 * sums.shape[1]) ** 0.5 - 3) / 2)  # K of packed_width(K) numbers
        whole, place = np.zeros((width, width), dtype=np.float32), np.triu_indices(width)
        whole[place] = sums[-1, : len(place[0])]
        whole.T[place] = whole[place]
        penalties = (ridge * (self._counts + unrated * self.rows.filled)).astype(np.float32)
        return solved(sums[:-1], np.float32(unrated) * whole, penalties)

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        """Ones of every movie, (M,)."""
        if self._columns:
            return np.asarray(sum(np.diff(columns.indptr) for columns in self._columns))
        size, both = self.rows.shape[1], (self.rows.rated, self.rows.last)
        return np.asarray(sum(np.bincount(rows.indices, minlength=size) for rows in both))

    def _parts(self) -> Iterator[tuple[csr_array, csr_array]]:
        """Each part's rows, and the same by movie."""
        parts = (*(_view(self.rows.rated, users) for users in self.rows.shards), self.rows.last)
        for at, rows in enumerate(parts):
            if at == len(self._columns):
                self._columns.append(rows.T.tocsr())
            yield rows, self._columns[at]


class OnDevice:
    """The half-steps on another device, all rows at once."""

    def __init__(self, rows: Stacked, penalty: Penalty, device: str) -> None:
        stacked = csr_array(vstack([rows.rated, rows.last], format="csr"))
        self.rows, self.columns = Rows(stacked, device), Rows(stacked.T.tocsr(), device)
        self.penalty, self.filled = penalty, rows.filled

    def next(self, movies: Factors) -> Factors:
        """As ``HalfSteps.next``."""
        return self.following(self.encoded(movies))

    def following(self, rows: Factors) -> Factors:
        """As ``HalfSteps.following``."""
        return _regressed(self.columns, rows, self.penalty, self.filled)

    def encoded(self, movies: Factors) -> Factors:
        """As ``HalfSteps.encoded``."""
        return _regressed(self.rows, movies, self.penalty, len(movies))


def _view(matrix: csr_array, rows: slice) -> csr_array:
    """Some rows of a matrix, whose entries are not copied."""
    first, last = matrix.indptr[rows.start], matrix.indptr[rows.stop]
    entries = matrix.data[first:last], matrix.indices[first:last]
    indptr = matrix.indptr[rows.start : rows.stop + 1] - first
    return csr_array((*entries, indptr), shape=(rows.stop - rows.start, matrix.shape[1]))


def encoded(rows: csr_array, movies: Factors, penalty: Penalty) -> Factors:
    """Best factors (R, K) of rows, given the movies'; a row's do not depend on the others.

    Solves ``(sum_rated v v' + w V'V + ridge (n + w M) I) p = sum_rated v`` for every row of n ratings.
    """
    return _regressed(Rows(rows), movies, penalty, len(movies))


def _regressed(rows: Rows, factors: Factors, penalty: Penalty, columns: int) -> Factors:
    """Factors of rows, given those of their columns, of which so many have entries; on the rows' device."""
    inputs, (count, _), on = torch.from_numpy(factors), rows.shape, rows.device
    rated = torch.from_numpy(np.diff(rows.targets.indptr)).float()
    problem = Problem(
        inputs=inputs.to(on),
        base=torch.from_numpy(np.float32(penalty.unrated) * gram(factors)).to(on),
        ridge=(penalty.ridge * (rated + penalty.unrated * columns)).to(on),
        scale=torch.ones(count, device=on),
        right=torch.zeros(count, inputs.shape[1], device=on),
        offsets=torch.zeros(len(inputs), device=on),
        weights=torch.ones(len(inputs), device=on),
        noise=torch.zeros(count, 0, device=on),
    )
    return rows.solve(problem).means.cpu().numpy()


def gram(factors: Factors) -> Factors:
    """``F'F`` of factors (n, K), summed in float64, on whatever number of threads the same."""
    wide = factors.astype(np.float64)
    return (wide.T @ wide).astype(np.float32)


def sums_of(shard: Snapshot, plan: Plan) -> Factors:
    """A shard's part of the sums that the movies' factors follow from, (M + 1, packed)."""
    rows, movies, penalty = _told(shard, plan)
    sums = _no_sums(*movies.shape)
    _add_part(rows.T.tocsr(), encoded(rows, movies, penalty), sums)
    return sums


def encoded_of(shard: Snapshot, plan: Plan) -> Factors:
    """The factors of a shard's users, (B, K)."""
    return encoded(*_told(shard, plan))


def _told(shard: Snapshot, plan: Plan) -> tuple[csr_array, Factors, Penalty]:
    order = Order.from_movies(plan["movies"], int(plan["warm"]))
    rows = rows_of(shard.ratings, shard.rated_at, order, np.arange(shard.users)).rated
    penalty = Penalty(float(plan["ridge"]), float(plan["unrated"]))
    return rows, np.ascontiguousarray(plan["factors"]), penalty


def _no_sums(movies: int, width: int) -> Factors:
    return np.zeros((movies + 1, packed_width(width)), dtype=np.float32)


def _add_part(columns: csr_array, factors: Factors, sums: Factors) -> None:
    """Add a part's sums of every movie, and below them the sum over all of its rows."""
    add_sums(columns, factors, sums[:-1])
    whole = gram(factors)[np.triu_indices(factors.shape[1])]
    sums[-1, : len(whole)] += whole
