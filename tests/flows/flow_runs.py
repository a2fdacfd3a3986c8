"""Running flows as a worker does, and looking at what the server then knows."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterTaskRunId,
)
from prefect.client.schemas.objects import Artifact, FlowRun, State, TaskRun
from prefect.flow_engine import run_flow
from prefect.states import AwaitingRetry


def start(client: SyncPrefectClient, flow: Flow[Any, Any], **parameters: Any) -> tuple[FlowRun, State[Any]]:
    """A new run of a flow; returns it and its final state."""
    created = client.create_flow_run(flow, parameters=flow.validate_parameters(parameters))
    return _run(client, flow, created)


def retry(client: SyncPrefectClient, flow: Flow[Any, Any], run: FlowRun) -> tuple[FlowRun, State[Any]]:
    """What the UI's Retry and `prefect flow-run retry` do: the same run again."""
    client.set_flow_run_state(run.id, AwaitingRetry(), force=True)
    return _run(client, flow, client.read_flow_run(run.id))


def _run(client: SyncPrefectClient, flow: Flow[Any, Any], run: FlowRun) -> tuple[FlowRun, State[Any]]:
    state = run_flow(flow, flow_run=run, parameters=run.parameters, return_type="state")
    return client.read_flow_run(run.id), state


def tasks_of(client: SyncPrefectClient, run: FlowRun, expected: int | None = None) -> dict[str, TaskRun]:
    """The task runs of a run's last attempt, by name without suffix; they may arrive after it ended."""
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    for _ in range(100):
        tasks = client.read_task_runs(flow_run_filter=chosen)
        found = {_name(task.name): task for task in tasks if task.flow_run_run_count == run.run_count}
        over = all(task.state is not None and task.state.is_final() for task in found.values())
        if over and (expected is None or len(found) >= expected):
            return found
        time.sleep(0.1)
    raise AssertionError(f"the tasks of {run.name} did not end: {found}")


def artifacts_of(client: SyncPrefectClient, run: FlowRun) -> dict[str, Artifact]:
    """A run's artifacts by key."""
    chosen = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    return {str(found.key): found for found in client.read_artifacts(artifact_filter=chosen)}


def logs_of(client: SyncPrefectClient, task_run: UUID, part: str) -> str:
    """A task run's log lines, once one with this part has arrived."""
    chosen = LogFilter(task_run_id=LogFilterTaskRunId(any_=[task_run]))
    for _ in range(100):
        found = client.read_logs(log_filter=chosen)
        text = "\n".join(f"{line.name}: {line.message}" for line in found)
        if part in text:
            return text
        time.sleep(0.1)
    raise AssertionError(f"{part!r} did not arrive in 10 s, but {text!r}")


def _name(name: str) -> str:
    return name if name.startswith("judge-") else name.rsplit("-", 1)[0]
