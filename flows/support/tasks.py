"""What the flows share: how tasks retry, how a run takes its turn."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
from prefect import Task, runtime
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging.handlers import APILogHandler

from flows.support.missed import take_over
from flows.support.wanted import still_wanted
from recengine.config import Home
from recengine.errors import DownloadFailed, WarehouseBusy
from recengine.runtime.space import is_full
from recengine.upkeep.repair import look_over
from recengine.warehouse.connection import warehouse
from recengine.warehouse.run_lock import turn


def may_pass(task: Task[Any, Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether trying again can help: somebody else's lock, the network, the disk; never bad data."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, (WarehouseBusy, DownloadFailed, OSError)) or is_full(error)


RETRIED: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": [2, 10],
    "retry_condition_fn": may_pass,
}


@contextmanager
def alone() -> Iterator[None]:
    """This run has the home (``RECENGINE_HOME``) for itself; another run waits, and says for whom."""
    _send_log_lines()
    with turn(Home.at(), f"the {runtime.flow_run.flow_name} run {runtime.flow_run.name}"):
        still_wanted()  # it may have waited for hours
        look_over(Home.at())
        take_over()
        yield


def _send_log_lines() -> None:
    """The engine's log lines go to the server, under their task.

    PREFECT_LOGGING_EXTRA_LOGGERS alone is not enough: a worker has set up its logging before it imports us.
    """
    logger = logging.getLogger("recengine")
    if not any(isinstance(handler, APILogHandler) for handler in logger.handlers):
        logger.addHandler(APILogHandler())


@contextmanager
def opened() -> Iterator[tuple[Home, duckdb.DuckDBPyConnection]]:
    """The home of this process (``RECENGINE_HOME``) and its warehouse, open while the task needs it."""
    home = Home.at()
    with warehouse(home.warehouse) as con:
        yield home, con
