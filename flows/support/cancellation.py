"""Cancellation: before readers see what a run made, it is looked up once more whether the run was ended meanwhile.

A run that was deleted, cancelled or given up on in the UI may still have its process: nothing tells a loop in C
or a task between two calls. What it computed harms nobody; what it publishes would.
"""

from __future__ import annotations

import logging
from typing import Any

import httpx
from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from tenacity import (
    RetryCallState,
    RetryError,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_fixed,
)

from recengine.errors import RecengineError

log = logging.getLogger("recengine.cancellation")  # as the engine's lines, so that it shows under its task

# A server that is restarted must not cost the night; one that stays away cannot be asked.
ASK_SECONDS = 600.0
PAUSE_SECONDS = 5.0


class RunCancelled(RecengineError):
    """The run was ended by somebody while its process went on, or nobody can say."""

    def __init__(self, run: str, why: str) -> None:
        self.run, self.why = run, why
        super().__init__(f"The run {run} {why}: it goes no further, and what readers see stays as it is.")

    @property
    def cancelled(self) -> bool:
        """Whether a person cancelled it."""
        return self.why.startswith("was set to Cancel")


def stop_if_cancelled() -> None:
    """Look this run up on the server; wait for a server that does not answer.

    Raises
    ------
    RunCancelled
        The run is gone, is not running any more, runs again elsewhere, or the server could not be asked.
    """
    name, run, attempt = runtime.flow_run.name, runtime.flow_run.id, runtime.flow_run.run_count
    patiently = Retrying(
        retry=retry_if_exception_type((httpx.HTTPError, RuntimeError)),  # the latter: no API to be reached
        stop=stop_after_delay(ASK_SECONDS),
        wait=wait_fixed(PAUSE_SECONDS),
        before_sleep=_log_retry,
    )
    try:
        flow_run = patiently(_look_up, run)
    except ObjectNotFound:
        raise RunCancelled(name, "was deleted") from None
    except RetryError as error:
        problem = error.last_attempt.exception()
        raise RunCancelled(
            name,
            f"may be deleted or cancelled, Prefect could not be asked for {ASK_SECONDS:.0f} s ({problem!r})",
        ) from problem
    if flow_run.state is None or not flow_run.state.is_running():
        raise RunCancelled(name, f"was set to {flow_run.state_name}")
    if flow_run.run_count != attempt:
        raise RunCancelled(name, "was started again")


def _look_up(run: Any) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run)


def _log_retry(attempt: RetryCallState) -> None:
    problem = attempt.outcome.exception() if attempt.outcome else None
    log.warning("Prefect cannot be asked whether this run was cancelled, asking again: %r", problem)
