"""Alerts: a run that fails, crashes or keeps the old tables says so, as an event and as a message.

The message has the reason and what to do; ``flows.support.channels`` says where it goes.
"""

from __future__ import annotations

from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import emit_event
from prefect.logging.loggers import flow_run_logger, get_logger
from prefect.utilities.urls import url_for

from flows.support import channels
from recengine.config import Home
from recengine.publish import PublishReport
from recengine.serving import monitoring, runs
from recengine.serving.versions import current_version
from recengine.warehouse.history.loads import LoadReport

log = get_logger("recengine.alerts")


def alert_of_failure(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    """State hook: the run failed or crashed; what readers see is as it was."""
    reason = state.message or state.name or "no reason given"
    emit_event(
        f"recengine.run.{'crashed' if state.is_crashed() else 'failed'}",
        resource=_resource("run", str(flow_run.id), flow_run.name),
        payload={"flow": flow.name, "reason": reason},
    )
    ended = "crashed" if state.is_crashed() else "failed"
    if (
        state.is_crashed() and flow.name == "nightly"
    ):  # its process is gone; one that failed has said so itself
        monitoring.note(Home.at(), {}, failed=True)
    if state.is_crashed():
        _note_crash(flow, flow_run, reason)
    flow_run_logger(flow_run, flow).info("Readers still have %s.", _standing())
    _post(
        f"recengine: the run {flow_run.name} {ended}: {reason} Readers still have {_standing()}. "
        "Next: mend what it says, then retry the run (of its finished tasks, what still stands is kept): "
        f"{_address(flow_run)}"
    )


def _note_crash(flow: Flow[Any, Any], flow_run: FlowRun, reason: str) -> None:
    """A run whose process is gone could not note its own end."""
    home, ended = Home.at(), runs.now()
    began = flow_run.start_time.replace(tzinfo=None, microsecond=0) if flow_run.start_time else ended
    about = {"outcome": "Crashed", "reason": reason, "began": began, "ended": ended}
    runs.note(home, runs.Run(name=flow_run.name, flow=flow.name, **about))


# Every flow sends alerts: @flow(..., **ALERTING). Prefect stores the exception that ended a run: as JSON, no pickle.
ALERTING: dict[str, Any] = {
    "on_failure": [alert_of_failure],
    "on_crashed": [alert_of_failure],
    "result_serializer": "json",
    "persist_result": False,
}


def published(report: PublishReport, reason: str) -> None:
    """Event: readers see new tables; and a message where the live hit rate stands out, or they were not exported."""
    emit_event(
        "recengine.publication.published",
        resource=_resource("publication", report.version, report.dataset),
        payload=report.model_dump(mode="json", exclude={"path"}) | {"reason": reason},
    )
    if report.unusual:
        emit_event(
            "recengine.outcomes.unusual",
            resource=_resource("publication", report.version, report.dataset),
            payload={"reason": report.unusual},
        )
        _post(
            f"recengine: {report.dataset}: {report.unusual} Readers have version {report.version}. Next: see the "
            "chart of hit rates in the report, and whether the ratings came in whole."
        )
    if report.failed_exports:
        said = "; ".join(f"{name}: {problem}" for name, problem in report.failed_exports.items())
        _post(
            f"recengine: {report.dataset} is published as {report.version}, but not exported ({said}). "
            "Next: mend that and publish again."
        )


def kept(load: LoadReport, reason: str) -> None:
    """Event and message: the gate objects, the published tables stay."""
    version = current_version(Home.at()) or "none"
    emit_event(
        "recengine.publication.kept",
        resource=_resource("publication", version, load.dataset),
        payload={"reason": reason, "input_fingerprint": load.input_fingerprint},
    )
    _post(
        f"recengine: {load.dataset} keeps {_standing()}: {reason} Next: look at the decision artifact of the "
        "run; publish anyway with force."
    )


def rolled_back(version: str) -> None:
    """Event: readers see an earlier publication."""
    emit_event("recengine.publication.rolled-back", resource=_resource("publication", version, version))


def _resource(kind: str, name: str, label: str) -> dict[str, str]:
    return {"prefect.resource.id": f"recengine.{kind}.{name}", "prefect.resource.name": label}


def _standing() -> str:
    version = current_version(Home.at())
    return f"version {version}" if version else "nothing yet, as before"


def _address(flow_run: FlowRun) -> str:
    return url_for(flow_run) or f"prefect flow-run retry {flow_run.id}"


def _post(text: str) -> None:
    for sent in channels.send(text):
        if sent.problem:
            log.warning("No alert went to %s: %s.", sent.place, sent.problem)
