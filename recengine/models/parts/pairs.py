"""The ranking's sums over pairs of movies, shard by shard of users: of common raters, and of one session's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recengine.dataset import Snapshot
from recengine.models.kernels.cooccurrence import common_raters, session_raters
from recengine.models.kernels.popular_first import Order, RatedRows, rows_of
from recengine.models.spread import Plan, Spread, added


@dataclass(frozen=True)
class Pairs:
    """Sums of the H most rated movies' pairs, (H, H).

    Attributes
    ----------
    rows : RatedRows
        Of all users (U, warm).
    shards : sequence of slice
        The users of each shard, in order: sums of weights are rounded by them.
    order : Order
    spread : Spread or None
        Where shards are computed, if not here.
    """

    rows: RatedRows
    shards: Sequence[slice]
    order: Order
    spread: Spread | None = None

    def common(self, head: int) -> NDArray[np.float32]:
        """How many users rated both."""
        if self.spread is not None:
            return self.spread.total(common_of, self._plan(head=head))
        return added(_common(rows, head) for rows in self._each())

    def near(self, head: int, hours: float) -> NDArray[np.float32]:
        """The same, of ratings of one session, the closer in time the more."""
        if self.spread is not None:
            return self.spread.total(near_of, self._plan(head=head, hours=hours))
        return added(_near(rows, head, hours) for rows in self._each())

    def _each(self) -> Iterator[RatedRows]:
        rated, rated_at = self.rows.rated, self.rows.rated_at
        if len(self.shards) == 1:
            yield self.rows
            return
        for users in self.shards:
            entries = slice(rated.indptr[users.start], rated.indptr[users.stop])
            yield RatedRows(rated[users], rated_at[entries])

    def _plan(self, **told: Any) -> Plan:
        return {"movies": self.order.movies, "warm": self.order.warm, **told}


def common_of(shard: Snapshot, plan: Plan) -> NDArray[np.float32]:
    """A shard's part of ``Pairs.common``."""
    return _common(_rows(shard, plan), int(plan["head"]))


def near_of(shard: Snapshot, plan: Plan) -> NDArray[np.float32]:
    """A shard's part of ``Pairs.near``."""
    return _near(_rows(shard, plan), int(plan["head"]), float(plan["hours"]))


def _rows(shard: Snapshot, plan: Plan) -> RatedRows:
    order = Order.from_movies(plan["movies"], int(plan["warm"]))
    return rows_of(shard.ratings, shard.rated_at, order, np.arange(shard.users))


def _common(rows: RatedRows, head: int) -> NDArray[np.float32]:
    return common_raters(rows.rated, head)


def _near(rows: RatedRows, head: int, hours: float) -> NDArray[np.float32]:
    return session_raters(rows.rated, rows.rated_at, hours, head)
