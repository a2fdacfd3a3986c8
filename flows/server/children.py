"""Processes of ours that must not outlive the one that started them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def ended_with_parent(signum: signal.Signals) -> Callable[[], None]:
    """For ``Popen(preexec_fn=...)``: the kernel sends the child this signal when its parent dies, even by SIGKILL."""
    parent = os.getpid()

    def prepare() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signum)
            if os.getppid() != parent:  # it died before the kernel was asked
                os.kill(os.getpid(), signum)

    return prepare
