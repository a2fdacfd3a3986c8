"""Ways to hold ratings out: what a model may learn from, and what it is judged by.

Every split is decided by whole-array operations and a seed, so one snapshot gives one split. The training
part is a snapshot of its own (``Snapshot.where``), whose features know nothing of what was held out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recengine.dataset import Snapshot
from recengine.errors import BadInput

Mask = NDArray[np.bool_]
"""Which ratings, shape (nnz,), in the order of ``Snapshot.ratings.data``."""


@dataclass(frozen=True)
class Holdout:
    """The held-out ratings, sorted by user and then movie; P of them.

    Attributes
    ----------
    user_index, movie_index : ndarray of int64, shape (P,)
        Dense positions in the snapshot.
    rating : ndarray of float32, shape (P,)
        Stars.
    rated_at : ndarray of int64, shape (P,)
        Seconds since 1970 (UTC).
    """

    user_index: NDArray[np.int64]
    movie_index: NDArray[np.int64]
    rating: NDArray[np.float32]
    rated_at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.user_index)


@dataclass(frozen=True)
class Split:
    """A training part and the ratings held out from it.

    Attributes
    ----------
    protocol : str
        ``temporal``, ``random``, ``leave-one-out`` or ``files``.
    train : Snapshot
        What a model may see: same users, movies and indices as the snapshot that was split.
    test : Holdout
        What it is judged by.
    min_train : int
        Users with fewer training ratings count as new: their ratings are held out, but no list of theirs
        is judged, since nothing personal could be known of them.
    description : str
        The split in one sentence, with its counts.
    """

    protocol: str
    train: Snapshot
    test: Holdout
    min_train: int
    description: str

    @property
    def test_users(self) -> NDArray[np.int64]:
        """Users with held-out ratings, ascending int64."""
        return np.unique(self.test.user_index)

    @property
    def known_users(self) -> NDArray[np.int64]:
        """Test users with at least ``min_train`` training ratings: those whose lists are judged."""
        users = self.test_users
        return np.asarray(users[np.diff(self.train.ratings.indptr)[users] >= self.min_train])

    @property
    def new_users(self) -> NDArray[np.int64]:
        """Test users with fewer than ``min_train`` training ratings."""
        users = self.test_users
        return np.asarray(users[np.diff(self.train.ratings.indptr)[users] < self.min_train])

    @property
    def counts(self) -> dict[str, int]:
        """Sizes by name: ratings and users in either part, and how many of the test users are new."""
        new = self.new_users
        return {
            "train_ratings": int(self.train.ratings.nnz),
            "train_users": int(np.count_nonzero(np.diff(self.train.ratings.indptr))),
            "test_ratings": len(self.test),
            "test_users": len(self.test_users),
            "new_users": len(new),
            "new_user_ratings": int(np.isin(self.test.user_index, new).sum()),
        }

    def relevance(self, relevant_from: float | None = None) -> tuple[NDArray[np.int64], csr_array]:
        """What the lists of the known users should contain.

        Parameters
        ----------
        relevant_from : float, optional
            Lowest rating, in stars, of a relevant movie; by default every held-out movie is relevant.

        Returns
        -------
        users : ndarray of int64, shape (E,)
            Known users with at least one relevant movie, ascending.
        relevant : csr_array of bool, shape (E, M)
            Their relevant movies, indices sorted.
        """
        rows, movies = self.test.user_index, self.test.movie_index
        keep = np.isin(rows, self.known_users)
        if relevant_from is not None:
            keep &= self.test.rating >= relevant_from
        users, per_user = np.unique(rows[keep], return_counts=True)
        indptr = np.concatenate([[0], np.cumsum(per_user)])
        hits = np.ones(int(keep.sum()), dtype=bool)
        return users, csr_array((hits, movies[keep], indptr), shape=(len(users), self.train.movies))


def temporal(
    snapshot: Snapshot, share: float = 0.2, upper: float = 1.0, seed: int = 0, *, min_train: int = 1
) -> Split:
    """Hold out the newest slice of all ratings: one cut in time for everybody, as a nightly run lives it.

    Parameters
    ----------
    snapshot : Snapshot
        All ratings.
    share : float
        Share of all ratings to hold out, in (0, 1).
    upper : float
        Share of all ratings, oldest first, that exist at all: below 1, what is newer is dropped, so that
        ``upper=0.8, share=0.2`` is the cut before ``upper=1.0, share=0.2``.
    seed : int
        Order of the ratings of one moment, where so many have it that no cut before it would do.
    min_train : int
        Training ratings below which a test user counts as new.

    Returns
    -------
    Split
        Ratings made at exactly the cut are all held out, those at exactly the upper bound all dropped; unless that
        would hold out more than twice the share: then the seed says which of them count as the newest.

    Raises
    ------
    BadInput
        If the shares do not fit, or the ratings are too few.
    """
    if not 0 < share < upper <= 1:
        raise BadInput(
            f"A temporal split needs 0 < share < upper <= 1, got share={share} and upper={upper}; "
            "choose for example share=0.2."
        )
    times = snapshot.rated_at
    newest_first_held_out, dropped_from = round(len(times) * (upper - share)), round(len(times) * upper)
    if not 0 < newest_first_held_out < dropped_from:
        raise BadInput(
            f"{len(times):,} ratings are too few for a temporal split of {share:.0%}; use more ratings or "
            "--protocol leave-one-out."
        )
    most = dropped_from - newest_first_held_out
    train, drawn = _oldest(times, newest_first_held_out, most, seed)
    known, also_drawn = _oldest(times, dropped_from, most, seed)
    when = datetime.fromtimestamp(int(times[known & ~train].min(initial=times.max())), UTC)
    how = f"the newest {share:.0%} of all ratings, from {when:%Y-%m-%d %H:%M:%S} UTC on"
    if drawn or also_drawn:
        how += f", those of one moment in an order drawn by seed {seed}"
    if upper < 1:
        how += f", as if the newest {1 - upper:.0%} did not exist yet"
    return _split(snapshot, "temporal", train & known, known & ~train, how, min_train)


def _oldest(times: NDArray[np.int64], count: int, most: int, seed: int) -> tuple[Mask, bool]:
    """Which ratings are the oldest ``count``, and whether the seed had to say so.

    A moment is not cut apart: of ratings as new as the first one left out none is among the oldest, unless
    that would leave more than ``most`` of the oldest out.
    """
    if count >= len(times):
        return np.ones(len(times), dtype=bool), False
    older = times < np.partition(times, count)[count]
    if count - np.count_nonzero(older) <= most:
        return older, False
    oldest_first = np.lexsort((_drawn(len(times), seed), times))
    older[oldest_first[:count]] = True
    return older, True


def _drawn(ratings: int, seed: int) -> NDArray[np.float64]:
    """A random number for every rating: their order where time says nothing."""
    return np.random.default_rng(seed).random(ratings)


def random_per_user(snapshot: Snapshot, share: float = 0.25, seed: int = 0, *, min_train: int = 1) -> Split:
    """Hold out a random share of each user's ratings.

    As ``python_stratified_split`` of Microsoft's Recommenders does: the training part of a user with n
    ratings has ``round(n * (1 - share))`` of them (halves to the even number), so that users with very few
    ratings may have none held out.

    Raises
    ------
    BadInput
        If the share is not in (0, 1) or no rating is held out.
    """
    if not 0 < share < 1:
        raise BadInput(f"The share of ratings to hold out must be in (0, 1), got {share}; try 0.25.")
    per_user = np.diff(snapshot.ratings.indptr)
    shuffled = np.lexsort((_drawn(len(snapshot.rated_at), seed), snapshot.rating_users))
    kept = np.rint(per_user * (1 - share)).astype(np.int64)
    test = np.empty(len(shuffled), dtype=bool)
    test[shuffled] = _place_in_row(snapshot.ratings) >= np.repeat(kept, per_user)
    how = f"a random {share:.0%} of each user's ratings (seed {seed})"
    return _split(snapshot, "random", ~test, test, how, min_train)


def leave_one_out(snapshot: Snapshot, seed: int = 0, *, min_train: int = 1) -> Split:
    """Hold out the newest rating of every user with at least two; of equally new ones the seed draws one."""
    drawn = _drawn(len(snapshot.rated_at), seed)
    newest_first = np.lexsort((drawn, -snapshot.rated_at, snapshot.rating_users))
    test = np.empty(len(newest_first), dtype=bool)
    enough = np.repeat(np.diff(snapshot.ratings.indptr) >= 2, np.diff(snapshot.ratings.indptr))
    test[newest_first] = (_place_in_row(snapshot.ratings) == 0) & enough
    how = "the newest rating of each user"
    if not dated(snapshot):
        how = f"one rating of each user, drawn by seed {seed}, as all ratings have one and the same date"
    return _split(snapshot, "leave-one-out", ~test, test, how, min_train)


def dated(snapshot: Snapshot) -> bool:
    """Whether the times of the ratings tell anything: not if all have the same."""
    times = snapshot.rated_at
    return len(times) > 0 and bool((times != times[0]).any())


def from_mask(
    snapshot: Snapshot, test_mask: Mask, *, source: str = "the given test file", min_train: int = 1
) -> Split:
    """Hold out the marked ratings: the ``files`` protocol, whose caller knows which came from the test file.

    Parameters
    ----------
    snapshot : Snapshot
        The ratings of both files.
    test_mask : ndarray of bool, shape (nnz,)
        Which ratings are held out, in the order of ``snapshot.ratings.data``.
    source : str
        Where they come from, for the description.
    min_train : int
        Training ratings below which a test user counts as new.
    """
    test = np.asarray(test_mask, dtype=bool)
    return _split(snapshot, "files", ~test, test, f"the ratings of {source}", min_train)


def _split(snapshot: Snapshot, protocol: str, train: Mask, test: Mask, how: str, min_train: int) -> Split:
    if not train.any() or not test.any():
        raise BadInput(
            f"The {protocol} split leaves {train.sum():,} ratings to train on and {test.sum():,} to judge "
            "by; use more ratings, another share or another --protocol."
        )
    holdout = Holdout(
        snapshot.rating_users[test],
        snapshot.ratings.indices[test].astype(np.int64),
        snapshot.ratings.data[test],
        snapshot.rated_at[test],
    )
    split = Split(protocol, snapshot.where(train), holdout, min_train, "")
    counts = split.counts
    text = (
        f"Held out: {how} ({counts['test_ratings']:,} ratings of {counts['test_users']:,} users, "
        f"{counts['new_users']:,} of them new); trained on {counts['train_ratings']:,} ratings of "
        f"{counts['train_users']:,} users."
    )
    return Split(protocol, split.train, holdout, min_train, text)


def _place_in_row(ratings: csr_array) -> NDArray[np.int64]:
    """0, 1, 2 ... within each user's row, shape (nnz,)."""
    return np.asarray(np.arange(ratings.nnz) - np.repeat(ratings.indptr[:-1], np.diff(ratings.indptr)))


def sample_users(snapshot: Snapshot, most_ratings: int, seed: int) -> Snapshot:
    """A random choice of users with all their ratings, about ``most_ratings``; smaller data stays as it is.

    All movies stay; users are numbered anew.
    """
    if snapshot.ratings.nnz <= most_ratings:
        return snapshot
    counts = np.diff(snapshot.ratings.indptr)
    drawn = np.random.default_rng(seed).permutation(snapshot.users)
    users = np.sort(drawn[: int(np.searchsorted(np.cumsum(counts[drawn]), most_ratings)) + 1])
    return snapshot.of_users(users)
