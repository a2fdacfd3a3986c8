"""A run that is cancelled in the UI ends at once, wherever it is, and it and its tasks say so.

A loop in C, and a pool of threads that waits for its last task, hear no signal: a worker kills such a process after
half a minute, and its tasks stay green or turn to Crashed. A thread looks the run up instead, and ends the process
as a power cut would, which every stage is made for.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn
from uuid import UUID

import httpx
from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException, TerminationSignal
from prefect.states import Cancelled

# What the command line was told, for the flow that it runs in its own process.
COMMAND_LINE = "RECENGINE_COMMAND_LINE"
# One of these says that the process is the run's own: nothing else ends with it.
OWN_PROCESS = ("PREFECT__FLOW_RUN_ID", COMMAND_LINE)

LOOK_SECONDS = 2.0
SAID = "Cancelled; what readers see stays as it is."
INTERRUPTED = "Stopped by Ctrl-C; what readers see stays as it is."
SAID_OF_TASK = "The run was cancelled."

# Gets the run's name, its flow's name, and why it ended.
OnCancelled = Callable[[str, str, str], None]


@contextmanager
def stopped_when_cancelled(on_cancelled: OnCancelled) -> Iterator[None]:
    """While the block runs, a cancellation of its run ends this process, if it is the run's own.

    Parameters
    ----------
    on_cancelled : function of the run's name, its flow's name and the reason
        What is to be done last.
    """
    if not any(name in os.environ for name in OWN_PROCESS):
        yield
        return
    flow_run = runtime.flow_run
    watch = _Watch(UUID(str(flow_run.id)), str(flow_run.name), str(flow_run.flow_name), on_cancelled)
    _watches.append(watch)
    threading.Thread(target=watch.look_on, name="cancellation", daemon=True).start()
    try:
        yield
    except TerminationSignal:
        watch.look()  # a worker's signal may be here before we have looked
        raise
    finally:
        watch.leave()
        _watches.remove(watch)


def interrupted() -> None:
    """Ctrl-C came: the runs of this process, which ends, are cancelled too, and say so."""
    for watch in [*_watches]:
        watch.leave()
        with get_client(sync_client=True) as client:
            watch.say(client, INTERRUPTED)


@dataclass
class _Watch:
    run: UUID
    name: str
    flow: str
    on_cancelled: OnCancelled
    _over: threading.Event = field(default_factory=threading.Event)
    _one: threading.Lock = field(default_factory=threading.Lock)

    def look_on(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self.look()

    def leave(self) -> None:
        with self._one:
            self._over.set()

    def look(self) -> None:
        """End this process if the run was cancelled; a server that cannot be asked says nothing."""
        try:
            with self._one, get_client(sync_client=True) as client:
                state = client.read_flow_run(self.run).state
                if not self._over.is_set() and state and (state.is_cancelling() or state.is_cancelled()):
                    self._end(client)
        except (httpx.HTTPError, PrefectException, RuntimeError):
            return

    def say(self, client: SyncPrefectClient, why: str) -> None:
        """The run and its tasks that had not ended say that they are cancelled."""
        self.on_cancelled(self.name, self.flow, why)
        said: State[None] = Cancelled(message=SAID_OF_TASK)
        alike = FlowRunFilter(id=FlowRunFilterId(any_=[self.run]))
        for task in client.read_task_runs(flow_run_filter=alike):
            if task.state is None or not (task.state.is_completed() or task.state.is_failed()):
                client.set_task_run_state(task.id, said, force=True)
        client.set_flow_run_state(self.run, Cancelled(message=why), force=True)

    def _end(self, client: SyncPrefectClient) -> NoReturn:
        try:
            self.say(client, SAID)
        finally:
            if COMMAND_LINE in os.environ:
                sys.stderr.write(f"{self.name}: {SAID}\n")
                sys.stderr.flush()
            os._exit(2 if COMMAND_LINE in os.environ else 0)


_watches = list[_Watch]()  # of the runs of this process
