"""How many threads compute: the one place that says so, for torch, BLAS and our own compiled loops.

Importing it gives torch and the loops the process's cores (``recengine.resources``), and BLAS one thread: it is
only called from within the loops, where a second pool of threads would fight the first. DuckDB has its own,
as many, and works while the others do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import scipy.linalg  # noqa: F401 - loads the BLAS that compiled loops call, so that it is limited too
import torch
from threadpoolctl import threadpool_limits

from recengine.resources import cores

THREADS = cores()
torch.set_num_threads(THREADS)
threadpool_limits(1, user_api="blas")


@contextmanager
def share_cores(parts: int) -> Iterator[None]:
    """Give each of several threads started in the block its share of the threads.

    Two pools that each want every core wait for one another at every small operation: on a busy machine of
    two cores that made training tens of times slower.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // parts))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_parts(work: Callable[[int, int], None], size: int, step: int) -> None:
    """Call ``work(first, last)`` for every part of ``step`` out of ``range(size)``, on as many threads as cores.

    The parts do not depend on the number of threads, so that neither does what they compute. These threads
    never wait for each other, so that others beside them do no harm.
    """
    starts = range(0, size, step)
    if THREADS == 1 or len(starts) <= 1:
        for first in starts:
            work(first, min(first + step, size))
        return
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, first, min(first + step, size)) for first in starts]:
            done.result()
