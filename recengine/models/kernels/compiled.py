"""How our own loops are compiled: to machine code, kept beside the source, without Python's lock.

A loop that another one calls is compiled into it (``forceinline``). As a function of its own it is compiled once by
itself and once with every caller, and rounds a little differently in each; a process that has just compiled it runs
the first, one that finds it on disk runs another, and the first night's tables would not be the second one's.

Where nobody may write beside the source, as in an installation of root's, the code is kept in the home; where
that cannot be either, every process compiles anew, which takes it some seconds.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numba

log = logging.getLogger(__name__)


def _kept() -> bool:
    """Whether compiled code can be kept somewhere that is this account's own; sees to it that it can."""
    if _has_place():
        return True
    if home := os.environ.get("RECENGINE_HOME"):
        folder = Path(home) / "cache" / "numba"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            log.info("%s: %s", folder, error.strerror)
        setattr(numba.config, "CACHE_DIR", str(folder))  # noqa: B010 (made at import, unknown to type checkers)
        if _has_place():
            return True
    log.warning("models: nowhere to keep compiled code (NUMBA_CACHE_DIR says where); compiled anew each time")
    return False


def _has_place() -> bool:
    try:
        numba.njit(cache=True)(_probe)
    except RuntimeError:  # Numba found none of its places writable
        return False
    return True


def _probe() -> None:
    """Stands for every compiled function: they all lie in this folder."""


_KEPT = _kept()
# Sums in the order that is written, only products and sums fused.
COMPILED = numba.njit(nogil=True, cache=_KEPT, forceinline=True, error_model="numpy", fastmath={"contract"})
# Sums and maxima that may be taken in any order, fixed when they are compiled.
REORDERED = numba.njit(
    nogil=True,
    cache=_KEPT,
    forceinline=True,
    error_model="numpy",
    fastmath={"contract", "reassoc", "nnan", "nsz"},
)
