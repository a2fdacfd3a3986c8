"""What a tuning may see of the data, and what it judges recipes on.

The gate's ratings are cut off first, so that its verdict on the winner is as honest as on anything else.
"""

from __future__ import annotations

import numpy as np

from recengine.dataset import Snapshot
from recengine.errors import BadInput
from recengine.evaluation.slices import slices_of
from recengine.evaluation.splits import Split, dated, leave_one_out, random_per_user, sample_users, temporal
from recengine.knobs.stages import TrainConfig

CUTS = 3  # with fewer "several splits agree" means little; with more the oldest has hardly anything to learn from


def before_the_gate(snapshot: Snapshot, train: TrainConfig) -> Snapshot:
    """The ratings, of the users whom the gate judges by, that no split of the gate holds out.

    Where the gate can judge nothing there are none.
    """
    sample = sample_users(snapshot, train.judged_ratings, train.seed)
    judged = slices_of(sample, train.holdout_share, train.gate.min_users, train.seed)
    seen = np.full(sample.ratings.nnz, bool(judged.splits))
    entries = _entries(sample)
    for split in judged.splits:
        seen &= np.isin(entries, _entries(split.train))
    return sample.where(seen)


def validation(part: Snapshot, train: TrainConfig) -> tuple[Split, ...]:
    """The splits of a training part on which recipes are compared, the newest first.

    Several cuts in time, each as long as the gate's; where these are about too few users, also each user's own newest
    rating; without dates, random shares of each user's ratings.
    """
    if not part.ratings.nnz:
        return ()
    sample = sample_users(part, train.judged_ratings, train.seed)
    share, seed = train.holdout_share, train.seed
    if not dated(sample):
        splits = [_held_out(random_per_user, sample, share, seed + number) for number in range(CUTS)]
        return tuple(split for split in splits if split is not None)
    cuts = [_held_out(temporal, sample, share, 1 - number * share, seed) for number in range(CUTS)]
    found = [split for split in cuts if split is not None]
    users = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(split.known_users for split in found)]))
    if len(users) < train.gate.min_users and (own := _held_out(leave_one_out, sample, seed)) is not None:
        found.append(own)
    return tuple(found)


def _held_out(protocol: object, *told: object) -> Split | None:
    """A split; None where there is too little for it, or nobody's list could be judged."""
    try:
        split: Split = protocol(*told)  # type: ignore[operator]
    except BadInput:
        return None
    return split if len(split.known_users) else None


def _entries(snapshot: Snapshot) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Each rating's place in the matrix (users, movies), counted row by row; (nnz,)."""
    return np.asarray(
        snapshot.rating_users.astype(np.int64) * snapshot.movies + snapshot.ratings.indices, dtype=np.int64
    )
