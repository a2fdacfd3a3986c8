"""What the flows share: how tasks retry, the run lock, the open warehouse."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
from prefect import Task, runtime
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging.handlers import APILogHandler

from flows.support.cancellation import stop_if_cancelled
from flows.support.catch_up import catch_up
from recengine.config import Home
from recengine.errors import DownloadFailed, WarehouseBusy
from recengine.runtime.space import is_full
from recengine.upkeep.repair import look_over
from recengine.warehouse.connection import warehouse
from recengine.warehouse.run_lock import locked


def is_transient(task: Task[Any, Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether trying again can help: somebody else's lock, the network, the disk; never bad data."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, (WarehouseBusy, DownloadFailed, OSError)) or is_full(error)


RETRIED: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": [2, 10],
    "retry_condition_fn": is_transient,
}


@contextmanager
def run_lock() -> Iterator[None]:
    """Hold the home (``RECENGINE_HOME``) for this run alone; another run waits, and says for whom."""
    _send_log_lines()
    with locked(Home.at(), f"the run {runtime.flow_run.name}"):
        stop_if_cancelled()  # it may have waited for hours
        look_over(Home.at())
        catch_up()
        yield


def _send_log_lines() -> None:
    """The engine's log lines go to the server, under their task.

    PREFECT_LOGGING_EXTRA_LOGGERS alone is not enough: a worker has set up its logging before it imports us.
    """
    logger = logging.getLogger("recengine")
    if not any(isinstance(handler, APILogHandler) for handler in logger.handlers):
        logger.addHandler(APILogHandler())


@contextmanager
def open_warehouse() -> Iterator[tuple[Home, duckdb.DuckDBPyConnection]]:
    """The home of this process (``RECENGINE_HOME``) and its warehouse, open while the task needs it."""
    home = Home.at()
    with warehouse(home.warehouse) as con:
        yield home, con
