"""SplitMix64: integers whose bits are well mixed, the same on every machine.

G. Steele, D. Lea and C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # what a state grows by from number to number


def rounds(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The two multiplications of the finaliser, of each state; the last ``x ^ x >> 31`` is for who needs low bits."""
    mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
