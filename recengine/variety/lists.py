"""The lists that readers get: the model's best movies, chosen as the switches and caps say.

Without any of these they are what the model gives, bit for bit and for no more work. Else a pool of the best movies
is scored, ``POOL`` or more, from which ``selection`` chooses; who runs out of movies there gets a larger one.

Where popularity is debiased, every tenth row, the last ones of a list, is the user's own: the movies of the pool
whose scores exceed the mean over users the most. There they cost least, and show more movies than any weight does.
A share of the users, as large as the weight, shows movies of the whole catalogue there (``scouts``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.knobs.published import ScoreConfig
from recengine.models.base import Model
from recengine.models.excluded import Boosts, Excluded
from recengine.models.kernels.topn import Lists, empty_lists
from recengine.variety.own import Common, with_own_rows
from recengine.variety.pins import pinned_of, with_pins
from recengine.variety.scouts import Field, Search, are_scouts, found_by
from recengine.variety.selection import Cap, Variety, select, tastes_of

POOL = 100  # least movies to choose from, where there are as many
PER_ROW = 5  # ... and for each row of a list
WIDER = 4  # times as many for who runs out of them
ROWS_PER_OWN = 10  # rows of a list for each that is the user's own


class Listed(NamedTuple):
    """Lists of n movies for B users.

    Attributes
    ----------
    scores : ndarray of float32, shape (B, n)
        Falling; -inf where nothing is left.
    movies : ndarray of int64, shape (B, n)
        Movie index; -1 where nothing is left.
    varied : ndarray of float32, shape (B, n)
        What the choice added to the model's score or took from it; 0 where nothing was chosen, NaN of a pin, whose
        score is not the model's.
    """

    scores: NDArray[np.float32]
    movies: NDArray[np.int64]
    varied: NDArray[np.float32]

    def of(self, rows: NDArray[np.int64]) -> Listed:
        """The lists of some of the users, by their rows."""
        return Listed(self.scores[rows], self.movies[rows], self.varied[rows])


@dataclass(frozen=True)
class Lister:
    """Makes lists of a fitted model by some switches.

    Attributes
    ----------
    model : Model
        Debiased already, where that is asked.
    snapshot : Snapshot
        The one it was fitted on.
    variety : Variety
    rank_by : float
        Weight of predicted stars.
    common : Common or None
        What everybody's scores are, where popularity is debiased.
    scouts : float
        Share of the users whose last rows show movies of the whole catalogue then.
    """

    model: Model
    snapshot: Snapshot
    variety: Variety
    rank_by: float = 0.0
    common: Common | None = None
    scouts: float = 0.0

    @classmethod
    def of(cls, model: Model, snapshot: Snapshot, config: ScoreConfig) -> Self:
        """The switches of a config; of a model that predicts no stars, ``rank_by`` changes nothing."""
        genres = snapshot.movie_group("genre")
        factors = model.movie_factors(snapshot) if config.diversity else None
        variety = Variety(
            genres,
            np.zeros((snapshot.movies, 0), np.float32) if factors is None else _units(factors),
            config.diversity,
            config.calibration,
        )
        shown = model.debiased(snapshot, config.popularity_debias)
        common = Common.of(shown, snapshot) if config.popularity_debias else None
        rank_by = 0.0 if snapshot.implicit else config.rank_by
        return cls(shown, snapshot, variety, rank_by, common, min(config.popularity_debias, 1.0))

    def parts(self, users: NDArray[np.int64]) -> Iterator[tuple[Self, NDArray[np.int64]]]:
        """Whose lists are made how: all rows of users (B,) by this lister."""
        yield self, np.arange(len(users))

    def lists(
        self,
        users: NDArray[np.int64],
        n: int,
        excluded: Excluded | None = None,
        boosts: Boosts | None = None,
        caps: Sequence[Cap] = (),
        pins: csr_array | None = None,
    ) -> Listed:
        """The lists of users (B,), ascending.

        Parameters
        ----------
        users : ndarray of int64, shape (B,)
        n : int
            Rows of a list; fewer only where fewer movies are left.
        excluded, boosts
            As ``Model.best`` takes them.
        caps : sequence of Cap
        pins : csr_array, shape (U, M), optional
            Movies that lists begin with, by the stored values; none that a user may not get.
        """
        if not (caps or pins is not None or self.rank_by or self.common or self.variety.applies):
            plain = self._pool(users, n, excluded, boosts)
            return Listed(*plain, np.zeros(plain.ids.shape, dtype=np.float32))
        listed = Listed(*empty_lists(len(users), n), np.zeros((len(users), n), dtype=np.float32))
        size, left = max(POOL, PER_ROW * n), np.arange(len(users))
        field = None
        if self.common is not None:
            field = self.common.scores if boosts is None else self.common.standardised
        allowed = excluded or Excluded.rated_in(self.snapshot)
        beside = allowed if pins is None else allowed.plus(pins)
        while len(left):
            pool = self._pool(users[left], min(size, self.snapshot.movies), beside, boosts)
            everybodys = None if field is None else field.mean
            first = None if pins is None else pinned_of(pins, allowed, users[left])
            short = self._choose(users, left, pool, caps, everybodys, listed, first)
            left, size = left[short] if size < self.snapshot.movies else left[:0], size * WIDER
        if field is not None and n >= ROWS_PER_OWN:
            self._scout(users, Search(self.model, self.snapshot, beside, boosts, caps), field, listed)
        return listed

    def _scout(self, users: NDArray[np.int64], search: Search, field: Field, listed: Listed) -> None:
        """Give the last rows of scouts to what they find; a list with fewer rows than asked stays."""
        n = listed.movies.shape[1]
        first = n - n // ROWS_PER_OWN
        whole = (listed.movies >= 0).all(axis=1) & ~np.isnan(listed.varied[:, first:]).any(axis=1)  # of pins
        scouts = np.flatnonzero(whole & are_scouts(self.snapshot.user_ids[users], self.scouts))
        for found in found_by(search, users[scouts], listed.movies[scouts, :first], n - first, field):
            rows = scouts[found.rows]
            scores = np.minimum(found.values, listed.scores[rows, first - 1 : first])
            listed.movies[rows, first:], listed.scores[rows, first:] = found.movies, scores
            listed.varied[rows, first:] = scores - found.values

    def by_genre(
        self, users: NDArray[np.int64], n: int, excluded: Excluded | None = None, boosts: Boosts | None = None
    ) -> Lists:
        """The n best of each genre for users (B,), (B, G, n): by the model's scores, whatever the switches say."""
        genres = csr_array(self.variety.genres.T)
        values, movies = self.model.best_of_groups(self.snapshot, users, n, genres, excluded, boosts)
        return Lists(values.numpy(), movies.numpy())

    def _pool(
        self, users: NDArray[np.int64], size: int, excluded: Excluded | None, boosts: Boosts | None
    ) -> Lists:
        scores, movies = self.model.best(self.snapshot, users, size, excluded, boosts)
        return Lists(scores.numpy(), movies.numpy())

    def _choose(
        self,
        users: NDArray[np.int64],
        rows: NDArray[np.int64],
        pool: Lists,
        caps: Sequence[Cap],
        everybodys: NDArray[np.float32] | None,
        listed: Listed,
        first: Lists | None,
    ) -> NDArray[np.bool_]:
        """Fill some rows from their pools; which of them ran out."""
        own, n = users[rows], listed.movies.shape[1]
        ordered, place = self._by_stars(own, pool)
        pinned = None
        if first is not None:
            pool, ordered, place, pinned = with_pins(first, pool, ordered, place)
        tastes = None
        if self.variety.calibration:
            tastes = tastes_of(self.snapshot.ratings[own], self.variety.genres)
        chosen = select(ordered, n, caps=caps, pinned=pinned, variety=self.variety, tastes=tastes)
        if everybodys is not None:
            chosen = with_own_rows(chosen, ordered, everybodys, n // ROWS_PER_OWN, caps)
        taken, at = chosen.places >= 0, np.maximum(chosen.places, 0)
        before = np.take_along_axis(pool.values, np.take_along_axis(place, at, axis=1), axis=1)
        listed.scores[rows] = chosen.scores
        listed.movies[rows] = np.where(taken, np.take_along_axis(ordered.ids, at, axis=1), -1)
        listed.varied[rows] = np.where(taken, chosen.scores - np.where(taken, before, 0), 0)
        if pinned is not None:
            listed.varied[rows] = np.where(
                taken & np.take_along_axis(pinned, at, axis=1), np.nan, listed.varied[rows]
            )
        return chosen.ran_out

    def _by_stars(self, users: NDArray[np.int64], pool: Lists) -> tuple[Lists, NDArray[np.int64]]:
        """The pool in the order of its scores mixed with predicted stars, and where its rows stood, (B, P).

        Stars are brought to the pool's range of scores, user by user, so that a weight means the same for everybody.
        """
        as_it_is = np.broadcast_to(np.arange(pool.ids.shape[1]), pool.ids.shape)
        there = pool.ids >= 0
        stars = None
        if self.rank_by and there.any():
            owners = users[there.nonzero()[0]]
            stars = self.model.predict(self.snapshot, owners, pool.ids[there])
        if stars is None:
            return pool, as_it_is
        rated = np.full(pool.ids.shape, np.nan)
        rated[there] = stars
        values = np.where(there, pool.values.astype(np.float64), np.nan)
        both = (1 - self.rank_by) * values + self.rank_by * _brought_to(values, rated, there)
        mixed = np.where(there, both, -np.inf).astype(np.float32)
        place = np.lexsort((pool.ids, -mixed), axis=1)
        ids = np.take_along_axis(pool.ids, place, axis=1)
        return Lists(np.take_along_axis(mixed, place, axis=1), ids), place


def _brought_to(
    values: NDArray[np.float64], stars: NDArray[np.float64], there: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Stars (B, P) in the range of each row's values; the middle of it where all stars are the same."""
    low, high = _ends(values, there)
    least, most = _ends(stars, there)
    same = most <= least
    share = (stars - least) / np.where(same, 1, most - least)
    return np.asarray(low + (high - low) * np.where(same, 0.5, share))


def _ends(
    values: NDArray[np.float64], there: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest of each row, (B, 1); 0 of an empty one."""
    empty = ~there.any(axis=1, keepdims=True)
    low = np.where(there, values, np.inf).min(axis=1, keepdims=True)
    high = np.where(there, values, -np.inf).max(axis=1, keepdims=True)
    return np.where(empty, 0, low), np.where(empty, 0, high)


def _units(factors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1, zeros where they were."""
    norms = np.linalg.norm(factors, axis=1, keepdims=True)
    return np.asarray(factors / np.where(norms > 0, norms, 1), dtype=np.float32)
