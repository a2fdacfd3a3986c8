"""Numbers that look drawn and are always the same of an id: on every machine, every night.

Each choice has a salt of its own, so that none says anything of another: 1 who is a scout, 2 and 3 what scouts look
for, 4 a user's variant (``sql/audits/variants_are_those_of_the_hash.sql`` has the same in SQL).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recengine.runtime.splitmix import GOLDEN, rounds

SCOUT, SLICE_OF_USER, SLICE_OF_MOVIE, VARIANT = 1, 2, 3, 4


def drawn(ids: NDArray[np.int64], salt: int) -> NDArray[np.int64]:
    """Numbers of 0 to 2**32 - 1, evenly (the finaliser of SplitMix64; Steele, Lea & Flood, 2014).

    Parameters
    ----------
    ids : ndarray of int64, shape (B,)
    salt : int
        Of the choice that is made.

    Returns
    -------
    ndarray of int64, shape (B,)
    """
    with np.errstate(over="ignore"):
        mixed = rounds(ids.astype(np.uint64) + np.uint64(salt) * GOLDEN)
    return (mixed >> np.uint64(32)).astype(np.int64)
