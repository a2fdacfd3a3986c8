"""What candidates are judged on: the newest ratings, and more of them where too few users rate on both sides.

The newest slice says best what the next nights will be like. Where it is about too few users, the slices before it
are judged as well, as if what came after them did not exist yet; where these are too few too, each user's own newest
rating. Candidates are fitted once for every slice, so there are never more than ``EARLIER_CUTS + 1`` of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.evaluation.splits import Split, dated, leave_one_out, temporal

EARLIER_CUTS = 2


@dataclass(frozen=True)
class Slices:
    """The splits that are judged together.

    Attributes
    ----------
    splits : tuple of Split
        The newest first; empty where nothing can be held out.
    said : str
        What they are and why, to go on with "judged on".
    """

    splits: tuple[Split, ...]
    said: str

    @property
    def description(self) -> str:
        """Every split in a sentence."""
        return " ".join(split.description for split in self.splits)


def slices_of(snapshot: Snapshot, share: float, min_users: int, seed: int) -> Slices:
    """Hold out the newest ratings, of as many users as it takes.

    Parameters
    ----------
    snapshot : Snapshot
        All ratings.
    share : float
        Share of them in a slice, in (0, 0.5).
    min_users : int
        Users with ratings on both sides, counted once, that are enough.
    seed : int
        Order of ratings of equal time.
    """
    if np.diff(snapshot.ratings.indptr).max(initial=0) < 2:
        return Slices((), "nothing, as no user has two ratings, of which one could be held out")
    if not dated(snapshot):
        return Slices(
            (leave_one_out(snapshot, seed),),
            "one rating of each user, drawn by the seed, as there are no dates",
        )
    cuts = [_cut(snapshot, share, 1.0, seed)]
    newest, found = f"the newest {share:.0%} of all ratings", _users(cuts)
    if any(split.train.rated_at.max() == split.test.rated_at.min() for split in _judged(cuts)):
        newest += ", drawn by the seed within the one moment that too many have"
    if found >= min_users:
        return Slices(_judged(cuts), newest)
    why = f"(users who rate on both sides: {found} of the newest"
    for number in range(1, EARLIER_CUTS + 1):
        cuts.append(_cut(snapshot, share, 1 - number * share, seed))
        if _users(cuts) >= min_users:
            earlier = "the slice before" if number == 1 else f"the {number} slices before"
            return Slices(_judged(cuts), f"{newest} and {earlier} {why}, {min_users} needed)")
    also = f"{newest} and " if found else ""
    why += f", {_users(cuts)} with {EARLIER_CUTS} slices before, {min_users} needed)"
    own = leave_one_out(snapshot, seed)
    return Slices((*_judged(cuts[:1]), own), f"{also}each user's own newest rating {why}")


def _cut(snapshot: Snapshot, share: float, upper: float, seed: int) -> Split | None:
    """A slice; None where there are too few ratings for it."""
    try:
        return temporal(snapshot, share, upper, seed)
    except BadInput:
        return None


def _judged(splits: list[Split | None]) -> tuple[Split, ...]:
    return tuple(split for split in splits if split is not None and len(split.known_users))


def _users(splits: list[Split | None]) -> int:
    users = [split.known_users for split in _judged(splits)]
    return len(np.unique(np.concatenate(users))) if users else 0
