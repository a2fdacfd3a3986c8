"""How our own loops are compiled: to machine code, kept beside the source, without Python's lock."""

from __future__ import annotations

import numba

# Sums in the order that is written, only products and sums fused.
COMPILED = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
# Sums and maxima that may be taken in any order, fixed when they are compiled.
REORDERED = numba.njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nnan", "nsz"}
)
