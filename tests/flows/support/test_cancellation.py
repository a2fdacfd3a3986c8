"""A run that somebody ended while its process went on publishes nothing."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from flow_runs import start
from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.states import (
    AwaitingRetry,
    Cancelled,
    Cancelling,
    Completed,
    Crashed,
    Failed,
    Running,
    Suspended,
)

from flows.nightly import nightly
from flows.rollback import rollback
from flows.support import cancellation
from recengine import publish as publishing
from recengine.config import Home
from recengine.serving.versions import current_version, versions

pytestmark = pytest.mark.prefect


def test_a_deleted_run_publishes_nothing(
    client: SyncPrefectClient, home: Home, hits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = publishing.audit

    def audit_while_somebody_deletes_it(*given: Any) -> None:
        audit(*given)
        client.delete_flow_run(runtime.flow_run.id)

    monkeypatch.setattr(publishing, "audit", audit_while_somebody_deletes_it)
    with pytest.raises(ObjectNotFound):  # its end cannot be noted anywhere
        start(client, nightly, source=str(hits), model="popularity")
    assert (current_version(home), versions(home)) == (None, [])
    assert not list(home.serving.glob("building-*"))


def test_a_run_that_waited_is_looked_up_when_its_turn_comes(
    client: SyncPrefectClient, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def somebody_marks_it() -> None:
        client.set_flow_run_state(runtime.flow_run.id, Crashed(), force=True)

    monkeypatch.setattr("flows.support.tasks._send_log_lines", somebody_marks_it)
    _, state = start(client, rollback)
    assert isinstance(state.result(raise_on_failure=False), cancellation.RunCancelled), state


@pytest.mark.parametrize(
    ("state", "attempt", "why"),
    [
        (Running(), 0, None),
        (Running(name="Retrying"), 0, None),
        (Running(), 2, "was started again"),
        (Cancelling(), 0, "was set to Cancelling"),
        (Cancelled(), 0, "was set to Cancelled"),
        (Crashed(), 0, "was set to Crashed"),
        (Failed(), 0, "was set to Failed"),
        (AwaitingRetry(), 0, "was set to AwaitingRetry"),
        (Suspended(), 0, "was set to Suspended"),
        (Completed(), 0, "was set to Completed"),
    ],
)
def test_only_this_attempt_while_it_runs_is_wanted(
    monkeypatch: pytest.MonkeyPatch, state: State[Any], attempt: int, why: str | None
) -> None:
    found = FlowRun(flow_id=uuid4(), state=state, state_name=state.name, run_count=attempt)
    monkeypatch.setattr(cancellation, "_look_up", lambda run: found)
    with pytest.raises(cancellation.RunCancelled, match=why) if why else nullcontext():
        cancellation.stop_if_cancelled()


def test_a_server_that_is_away_for_a_moment_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def away_twice(run: Any) -> Any:
        calls.append(run)
        if len(calls) < 3:
            raise httpx.ConnectError("refused")
        raise ObjectNotFound(http_exc=Exception())

    monkeypatch.setattr(cancellation, "_look_up", away_twice)
    monkeypatch.setattr(cancellation, "PAUSE_SECONDS", 0)
    with pytest.raises(cancellation.RunCancelled, match="was deleted: it goes no further"):
        cancellation.stop_if_cancelled()
    assert len(calls) == 3
    monkeypatch.setattr(cancellation, "ASK_SECONDS", 0)
    calls.clear()
    with pytest.raises(
        cancellation.RunCancelled, match=r"could not be asked for 0 s \(ConnectError\('refused'\)\)"
    ):
        cancellation.stop_if_cancelled()
