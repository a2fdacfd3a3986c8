"""How many threads compute: the one place that says so, for torch, BLAS and our own compiled loops.

While something of ours computes, torch and the loops have the process's cores (``runtime.resources``), and BLAS
has one thread: it is only called from within the loops, where a second pool of threads would fight the first.
Before and afterwards the process has what it had: a notebook's own NumPy and torch are not ours to slow down.
DuckDB has its own threads, as many, and works while the others do not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from threading import Lock

import scipy.linalg  # noqa: F401 - loads the BLAS that compiled loops call, so that it is limited too
import torch
from threadpoolctl import threadpool_limits

from recengine.runtime.resources import cores

THREADS = cores()


@contextmanager
def own_threads(parts: int = 1) -> Iterator[None]:
    """Compute with our numbers of threads in the block, or in the function that this decorates.

    Blocks may lie in each other and run side by side in several threads. How many threads torch has in one does
    not depend on the others, so that neither do the results' bits.

    Parameters
    ----------
    parts : int
        How many such blocks a computation runs side by side: each has its share of the cores. Two pools that each
        want every core wait for one another at every small operation: on a busy machine of two cores that made
        training tens of times slower.
    """
    before = torch.get_num_threads()
    with _one_blas_thread:
        _set_torch_threads(max(1, THREADS // parts))
        try:
            yield
        finally:
            _set_torch_threads(before)


_setting = Lock()


def _set_torch_threads(number: int) -> None:
    """Set the calling thread's number alone: torch also gives it to every thread that is new to it."""
    if torch.get_num_threads() == number:
        return
    with _setting, ThreadPoolExecutor(1) as new:
        default = new.submit(torch.get_num_threads).result()
        torch.set_num_threads(number)
        new.submit(torch.set_num_threads, default).result()


class _OneBlasThread:
    """The process's BLAS has one thread from the first block that begins to the last one that ends."""

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                # threadpoolctl heeds only the thread that set a number: the block that ends last may lie in another.
                self._keeper, self._limits = ThreadPoolExecutor(1), ExitStack()
                self._keeper.submit(
                    lambda: self._limits.enter_context(threadpool_limits(1, user_api="blas"))
                ).result()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._keeper.submit(self._limits.close).result()
                self._keeper.shutdown()


_one_blas_thread = _OneBlasThread()


def in_parts(work: Callable[[int, int], None], size: int, step: int) -> None:
    """Call ``work(first, last)`` for every part of ``step`` out of ``range(size)``, on as many threads as cores.

    The parts do not depend on the number of threads, so that neither does what they compute. The calling thread
    takes part after part, and so does whoever of the helpers is free: none waits for one that others keep busy.
    """
    starts = range(0, size, step)
    left = iter(starts)  # asked by one thread at a time: Python's lock sees to it

    def take() -> None:
        for first in left:
            work(first, min(first + step, size))

    helping = [_helpers().submit(take) for _ in range(min(THREADS, len(starts)) - 1)]
    try:
        take()
    finally:
        for helper in helping:
            if not helper.cancel():
                helper.result()


@cache
def _helpers() -> ThreadPoolExecutor:
    """Threads that stay: a fit calls ``in_parts`` thousands of times, most for a few milliseconds."""
    return ThreadPoolExecutor(max(1, THREADS), thread_name_prefix="recengine-parts")


os.register_at_fork(after_in_child=_helpers.cache_clear)  # threads do not come along
