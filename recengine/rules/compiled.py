"""Rules as arrays over a snapshot's users and movies: what models and the choice of lists take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.models.excluded import Boosts, Excluded
from recengine.rules.running import Ran
from recengine.variety.lists import Listed, Lister
from recengine.variety.selection import Cap
from recengine.variety.side_by_side import SideBySide

BLOCK_USERS = 4096  # looked at together for who is left without a movie


@dataclass(frozen=True)
class Compiled:
    """Some rules over a snapshot.

    Attributes
    ----------
    excluded : Excluded
        Also what users have rated.
    boosts : Boosts or None
    caps : tuple of Cap
    pins : csr_array of float64, shape (U, M), or None
        A stored entry is a movie that the user's list begins with, its value the place among those.
    """

    excluded: Excluded
    boosts: Boosts | None = None
    caps: tuple[Cap, ...] = ()
    pins: csr_array | None = None

    @classmethod
    def over(cls, snapshot: Snapshot, rules: Sequence[Ran]) -> Self:
        """What rules say about the users and movies of a snapshot; those it does not have are left out."""
        everyone = np.zeros(snapshot.movies, dtype=np.bool_)
        others: csr_array | None = None
        limits: list[tuple[NDArray[np.bool_], csr_array]] = []
        for one in rules:
            users, movies, _ = _indices(snapshot, one)
            if one.rule.kind == "exclude" and not one.per_user:
                everyone[movies] = True
            elif one.rule.kind == "exclude":
                others = _united(others, _matrix(snapshot, users, movies, np.ones(len(movies))))
            elif one.rule.kind == "only" and not one.per_user:
                everyone |= ~np.isin(np.arange(snapshot.movies), movies)
            elif one.rule.kind == "only":
                named = np.isin(snapshot.user_ids, one.users)
                limits.append((named, _matrix(snapshot, users, movies, np.ones(len(movies)))))
        limited, only = _limits(snapshot, limits)
        excluded = Excluded(snapshot.ratings, everyone, others, only, limited)
        return cls(excluded, _boosts(snapshot, rules), _caps(snapshot, rules), _pins(snapshot, rules))

    def lists(self, lister: Lister | SideBySide, users: NDArray[np.int64], n: int) -> Listed:
        """The lists of users (B,), ascending, which keep these rules."""
        return lister.lists(users, n, self.excluded, self.boosts, self.caps, self.pins)

    def check_everybody_has_a_movie(self, snapshot: Snapshot, rules: Sequence[Ran]) -> None:
        """Refuse rules that leave a user without any movie, who had one without them.

        Raises
        ------
        BadInput
            It says how many users, and one of them.
        """
        allowed = ~self.excluded.everyone
        rated, left = np.diff(snapshot.ratings.indptr), int(allowed.sum())
        empty = []
        for start in range(0, snapshot.users, BLOCK_USERS):
            block = np.arange(start, min(start + BLOCK_USERS, snapshot.users))
            hidden = np.diff(self.excluded.own(block)[:, allowed].indptr)
            empty.append(block[(hidden == left) & (rated[block] < snapshot.movies)])
        users = np.concatenate(empty) if empty else np.zeros(0, dtype=np.int64)
        if len(users):
            names = ", ".join(one.rule.name for one in rules if one.rule.kind in ("exclude", "only"))
            raise BadInput(
                f"The rules {names} leave {len(users)} of {snapshot.users} users without any movie, "
                f"user {snapshot.user_ids[users[0]]} for one; loosen one of them."
            )


def _indices(snapshot: Snapshot, one: Ran) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """User and movie indices of a rule's rows, and which rows those are; users are 0 where a row is for everybody."""
    movie_ids = one.rows["movie_id"].to_numpy()
    movies, known = _places(snapshot.movie_ids, movie_ids)
    users = np.zeros(len(movies), dtype=np.int64)
    if one.per_user:
        users, there = _places(snapshot.user_ids, one.rows["user_id"].to_numpy())
        known &= there
    kept = np.flatnonzero(known)
    return users[kept], movies[kept], kept


def _places(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where ids (K,), ascending, hold those wanted (P,), and whether they do."""
    at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return at, ids[at] == wanted


def _matrix(
    snapshot: Snapshot, users: NDArray[np.int64], movies: NDArray[np.int64], values: NDArray[np.float64]
) -> csr_array:
    rows = csr_array((values, (users, movies)), shape=(snapshot.users, snapshot.movies))
    rows.sort_indices()
    return rows


def _united(one: csr_array | None, other: csr_array) -> csr_array:
    return other if one is None else csr_array(one + other)


def _limits(
    snapshot: Snapshot, limits: Sequence[tuple[NDArray[np.bool_], csr_array]]
) -> tuple[NDArray[np.bool_] | None, csr_array | None]:
    """All that limited users may get: what every rule that limits them allows."""
    if not limits:
        return None, None
    limited = reduce(np.logical_or, (users for users, _ in limits))
    wanted = np.sum([users for users, _ in limits], axis=0)  # by how many rules a user is limited
    allowed = csr_array(sum((rows for _, rows in limits[1:]), start=limits[0][1]))
    enough = allowed.data >= np.repeat(wanted, np.diff(allowed.indptr))
    return limited, _kept_entries(allowed, enough)


def _kept_entries(rows: csr_array, kept: NDArray[np.bool_]) -> csr_array:
    owners = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))[kept]
    return csr_array((rows.data[kept], (owners, rows.indices[kept])), shape=rows.shape)


def _boosts(snapshot: Snapshot, rules: Sequence[Ran]) -> Boosts | None:
    everyone = np.zeros(snapshot.movies, dtype=np.float32)
    own: csr_array | None = None
    boosting = [one for one in rules if one.rule.kind == "boost"]
    for one in boosting:
        users, movies, kept = _indices(snapshot, one)
        weights = one.rows["weight"].to_numpy()[kept]
        if one.per_user:
            own = _united(own, _matrix(snapshot, users, movies, weights))
        else:
            np.add.at(everyone, movies, weights.astype(np.float32))
    return Boosts(everyone, None if own is None else csr_array(own.astype(np.float32))) if boosting else None


def _caps(snapshot: Snapshot, rules: Sequence[Ran]) -> tuple[Cap, ...]:
    caps = []
    for one in (one for one in rules if one.rule.kind == "cap"):
        _, movies, kept = _indices(snapshot, one)
        _, values = np.unique(
            one.rows["value"].to_numpy(zero_copy_only=False)[kept].astype(str), return_inverse=True
        )
        shape = (snapshot.movies, int(values.max(initial=-1)) + 1)
        caps.append(
            Cap(csr_array((np.ones(len(movies), np.float32), (movies, values)), shape=shape), one.most or 1)
        )
    return tuple(caps)


def _pins(snapshot: Snapshot, rules: Sequence[Ran]) -> csr_array | None:
    """Rules in the order of their names; in one by position, those without one last, by id."""
    users, movies, places = [], [], []
    for at, one in enumerate(one for one in rules if one.rule.kind == "pin"):
        owner, movie, kept = _indices(snapshot, one)
        position = one.rows["position"].fill_null(np.iinfo(np.int64).max).to_numpy()[kept]
        place = np.empty(len(kept))
        place[np.lexsort((movie, position))] = np.arange(1, len(kept) + 1)
        if not one.per_user:
            owner, movie = np.repeat(np.arange(snapshot.users), len(movie)), np.tile(movie, snapshot.users)
            place = np.tile(place, snapshot.users)
        users.append(owner)
        movies.append(movie)
        places.append(place + at * (1 + 2.0**32))
    if not users:
        return None
    pair = np.concatenate(users) * snapshot.movies + np.concatenate(movies)
    place = np.concatenate(places)
    order = np.lexsort((place, pair))
    _, first = np.unique(pair[order], return_index=True)
    taken = order[first]
    return _matrix(snapshot, pair[taken] // snapshot.movies, pair[taken] % snapshot.movies, place[taken])
