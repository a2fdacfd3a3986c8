"""Independent fits beside each other, in processes of one thread each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar
from unittest.mock import patch

import numba
import torch

POOLS = (
    "RECENGINE_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
T = TypeVar("T")


def side_by_side(work: Callable[..., T], jobs: Sequence[tuple[Any, ...]], processes: int) -> list[T]:
    """``work(*job)`` of every job, in the order of the jobs.

    Parameters
    ----------
    work : callable
        A module's function; it and its arguments are sent to other processes.
    jobs : sequence of tuple
        Its arguments.
    processes : int
        How many run at a time.
    """
    # The libraries read these while they are imported, which a spawned process does anew.
    with (
        patch.dict(os.environ, dict.fromkeys(POOLS, "1")),
        ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_one_thread) as pool,
    ):
        return list(pool.map(work, *zip(*jobs, strict=True)))


def _one_thread() -> None:
    torch.set_num_threads(1)
    numba.set_num_threads(1)
