"""Catching up after a schedule missed its time, for want of a box or a free slot: one run does the work of all."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.logging import get_run_logger
from prefect.states import Cancelled

from flows.support.folding import unfolded


def catch_up() -> None:
    """A run of a schedule cancels those of the same deployment and parameters that are due too, saying why.

    A run that a person started waits for its turn and is never cancelled, and cancels none: its schedule's
    next point may ask for something else.
    """
    deployment, run = runtime.deployment.id, runtime.flow_run.id
    if deployment is None or run is None:
        return
    with get_client(sync_client=True) as client:
        this = client.read_flow_run(run)
        if not this.auto_scheduled:
            return
        asked = unfolded(this.parameters)
        missed = [other for other in _overdue(client, deployment) if unfolded(other.parameters) == asked]
        why: State[None] = Cancelled(message=f"Missed; the run {this.name} catches up for it.")
        for other in missed:
            client.set_flow_run_state(other.id, why, force=True)
    if missed:
        get_run_logger().info("This run catches up for %d others that were due.", len(missed))


def _overdue(client: SyncPrefectClient, deployment: str) -> list[FlowRun]:
    waiting = FlowRunFilterStateType(any_=[StateType.SCHEDULED])
    overdue = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=waiting),
            expected_start_time=FlowRunFilterExpectedStartTime(before_=datetime.now(UTC)),
        ),
    )
    return [run for run in overdue if run.auto_scheduled]
