"""Automations of the server for a run whose process vanished: mark it as crashed, and send an alert.

A flow sends its own alerts (``flows.support.alerts``); a process killed together with its worker cannot.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import Any

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, CallWebhook, ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.types import SecretDict
from pydantic import SecretStr

from flows.server.settings import START_WITHIN_SECONDS, ZOMBIE_AFTER_SECONDS
from flows.support.channels import BLOCKS, WEBHOOK, blocks

log = logging.getLogger("recengine.automations")

VANISHED = "recengine: mark runs as crashed whose process vanished"
NEVER_RAN = "recengine: mark runs as crashed that never started"
ALERT = "recengine: alert of runs that were marked as crashed"
# What releases up to 0.1 called them: one that stands on a user's server is renamed, not doubled.
FORMER_NAMES = {
    VANISHED: "recengine: runs whose process vanished",
    NEVER_RAN: "recengine: runs whose process never started",
    ALERT: "recengine: tell of runs whose process vanished",
}
BLOCK = "recengine-webhook"

# Names of the states in which a run is over; the flows' own are among them: events carry names.
LAST_STATES = ("Completed", "Failed", "Cancelled", "Crashed", "Published", "Kept", "Unchanged", "Tuned")

SILENT = f"No sign of life for {ZOMBIE_AFTER_SECONDS} s: the process is gone."
NEVER_STARTED = (
    f"No sign of life within {START_WITHIN_SECONDS} s of being handed to the worker: it could not start."
)
LOST = "Its process went down with the worker."
_STANDING = "What is published stays; retry the run or wait for the next one."

_MESSAGE = """\
{"text": {{ ("recengine: the run " ~ flow_run.name ~ " crashed: "
             ~ event.resource["prefect.state-message"] ~ " " ~ flow_run|ui_url) | tojson }}}"""

_TEXT = """\
recengine: the run {{ flow_run.name }} crashed: {{ event.resource["prefect.state-message"] }} {{ flow_run|ui_url }}"""


def message_of(reason: str) -> str:
    """A state's message: what happened, and what to do."""
    return f"{reason} {_STANDING}"


async def set_up(client: PrefectClient) -> None:
    """Make or renew the automations; where alerts go nowhere, the one that sends alerts goes."""
    await _renew(client, _mark_vanished())
    await _renew(client, _mark_never_started())
    if actions := await _sending(client):
        await _renew(client, _alert(actions))
    else:
        for automation in await _existing(client, ALERT):
            await client.delete_automation(automation.id)


async def _sending(client: PrefectClient) -> list[ActionTypes]:
    """One action for each place that alerts go to; a block that is not there is said and left out."""
    actions: list[ActionTypes] = []
    if url := os.environ.get(WEBHOOK):
        block: Any = Webhook(url=SecretStr(url), headers=SecretDict({"Content-Type": "application/json"}))
        made = await block.asave(BLOCK, overwrite=True)
        actions.append(CallWebhook(block_document_id=made, payload=_MESSAGE))
    for name in blocks():
        kind, _, own = name.partition("/")
        try:
            found = await client.read_block_document_by_name(own, kind)
        except ObjectNotFound:
            log.warning("%s names %s, which is no block of this server: no alert goes there", BLOCKS, name)
            continue
        actions.append(SendNotification(block_document_id=found.id, subject="recengine", body=_TEXT))
    return actions


def _mark_vanished() -> AutomationCore:
    """Prefect Cloud watches heartbeats by itself; an own server has to be told."""
    return AutomationCore(
        name=VANISHED,
        description=f"A run that was silent for {ZOMBIE_AFTER_SECONDS} s has lost its process.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{name}" for name in LAST_STATES)},
            threshold=1,
            within=timedelta(seconds=ZOMBIE_AFTER_SECONDS),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message_of(SILENT))],
    )


def _mark_never_started() -> AutomationCore:
    """A process that could not even report that it runs, because the disk was full, sends no heartbeat."""
    begun = ("Running", "Retrying", "Cancelling", "Scheduled", "AwaitingRetry")
    return AutomationCore(
        name=NEVER_RAN,
        description=f"A run that does not start within {START_WITHIN_SECONDS} s has no process.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            after={"prefect.flow-run.Pending"},
            expect={f"prefect.flow-run.{name}" for name in (*begun, *LAST_STATES)},
            threshold=1,
            within=timedelta(seconds=START_WITHIN_SECONDS),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message_of(NEVER_STARTED))],
    )


def _alert(actions: list[ActionTypes]) -> AutomationCore:
    """One message per run that was marked as crashed from outside; its own hooks did not run."""
    return AutomationCore(
        name=ALERT,
        description=f"Sends to what {WEBHOOK} and {BLOCKS} name.",
        trigger=EventTrigger(
            posture=Posture.Reactive,
            match={
                "prefect.resource.id": "prefect.flow-run.*",
                "prefect.state-message": [f"{SILENT}*", f"{NEVER_STARTED}*", f"{LOST}*"],
            },
            for_each={"prefect.resource.id"},
            expect={"prefect.flow-run.Crashed"},
            threshold=1,
            within=timedelta(0),
        ),
        actions=actions,
    )


async def _renew(client: PrefectClient, wanted: AutomationCore) -> None:
    """An automation that a person switched off stays off."""
    existing = await _existing(client, wanted.name)
    if not existing:
        await client.create_automation(wanted)
        return
    wanted.enabled = existing[0].enabled
    await client.update_automation(existing[0].id, wanted)
    for doubled in existing[1:]:
        await client.delete_automation(doubled.id)


async def _existing(client: PrefectClient, name: str) -> list[Automation]:
    """Those of this name, then those of its former name."""
    return [
        automation
        for each in (name, FORMER_NAMES[name])
        for automation in await client.read_automations_by_name(each)
    ]
