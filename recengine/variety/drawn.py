"""Numbers that look drawn and are always the same of an id: on every machine, every night.

Each choice has a salt of its own, so that none says anything of another: 1 who is a scout, 2 and 3 what scouts look
for, 4 a user's variant (``sql/audits/variants_are_those_of_the_hash.sql`` has the same in SQL).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
        mixed = ids.astype(np.uint64) + np.uint64(salt) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed >> np.uint64(32)).astype(np.int64)
