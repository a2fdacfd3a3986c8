"""What the flows' tasks share: how they retry, how they keep results, how they open the warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from recengine.config import Home
from recengine.errors import DownloadFailed, WarehouseBusy
from recengine.warehouse.connection import warehouse

# A finished task's result is kept, so that a retry of the run goes on after it.
KEPT: dict[str, Any] = {"persist_result": True, "result_serializer": "json"}


def may_pass(task: Task[Any, Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Whether trying again can help: somebody else's lock, the network, the disk; never bad data."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, (WarehouseBusy, DownloadFailed, OSError))


RETRIED: dict[str, Any] = KEPT | {
    "retries": 2,
    "retry_delay_seconds": [5, 30],
    "retry_condition_fn": may_pass,
}


@contextmanager
def opened() -> Iterator[tuple[Home, duckdb.DuckDBPyConnection]]:
    """The home of this process (``RECENGINE_HOME``) and its warehouse, open while the task needs it."""
    home = Home.at()
    with warehouse(home.warehouse) as con:
        yield home, con
