"""Bring a Prefect server to what ``prefect.yaml`` describes: ``python -m flows.server.setup``.

Run it after every change of the YAML and as often as you like. It makes what is missing, changes what the YAML
(or ``recengine serve``) changed since it was last applied, and leaves alone what was edited in the UI; what was
applied is kept on the server, as a variable. Runs whose process vanished are marked as crashed, which gives
their slot back. With ``--before-worker``, where the box's only worker is about to start, that happens at once
to runs that outlived a power cut in the database.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    VariableCreate,
    VariableUpdate,
    WorkPoolCreate,
)
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import DeploymentSchedule, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.states import Crashed
from prefect.workers.process import ProcessWorker

from flows.server import automations, options
from flows.server.merging import Entry, code, just_told, merged, schedules, with_options
from flows.server.settings import POOL, ROOT
from flows.support.choices import for_people
from flows.support.folding import folded_values
from recengine.config import Home
from recengine.errors import RecengineError, WarehouseBusy
from recengine.serving import continuity as standing
from recengine.serving.versions import versions
from recengine.warehouse.run_lock import locked

YAML = ROOT / "deployments" / "prefect.yaml"
ANALYTICS = "amplitude.com"
APPLIED = "recengine_applied"
CODE = (ROOT / "flows", ROOT / "recengine")


async def set_up(file: Path = YAML, before_worker: bool = False, just_set: Collection[str] = ()) -> None:
    """Make the server as the YAML says, except for what was edited there; harmless when it is already.

    ``just_set`` names the options that ``recengine serve`` was given anew.
    """
    if pages := os.environ.get("PREFECT_SERVER_UI_STATIC_DIRECTORY"):
        _quiet_pages(Path(pages))
    async with get_client() as client:
        await _work_pool(client)
        await _deployments(client, file, just_set)
        await automations.set_up(client)
        if before_worker:
            await _end_lost_runs(client)


async def _work_pool(client: PrefectClient) -> None:
    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(
        name=POOL,
        type="process",
        base_job_template=template,
        description="Runs as processes on the worker's box",
    )
    try:
        await client.create_work_pool(pool)
    except ObjectAlreadyExists:
        return


async def _deployments(client: PrefectClient, file: Path, just_set: Collection[str]) -> None:
    written = yaml.safe_load(file.read_text())
    nights = standing.remembered(Home.at()).values()
    told = options.remembered(Home.at())
    wanted = {entry["name"]: with_options(entry, told, nights) for entry in written["deployments"]}
    said = {name: just_told(entry, just_set) for name, entry in wanted.items()}
    variable = await client.read_variable_by_name(APPLIED)
    applied: dict[str, Any] = variable.value if variable and isinstance(variable.value, dict) else {}
    before, now = applied.get("entries", {}), {"code": code(*CODE), "entries": wanted}
    deployed = {name: await _deployed(client, entry) for name, entry in wanted.items()}
    if applied != now or None in deployed.values():
        entries = [
            merged(entry, before.get(name), there, said[name]) if (there := deployed[name]) else entry
            for name, entry in wanted.items()
        ]
        _deploy(written | {"deployments": entries})
        for name, entry in wanted.items():
            if there := deployed[name]:
                await _reschedule(client, there, *schedules(entry, before.get(name), there, said[name]))
            await _close_form(client, entry)
        if variable is None:
            await client.create_variable(VariableCreate(name=APPLIED, value=now))
        else:
            await client.update_variable(VariableUpdate(name=APPLIED, value=now))


async def _deployed(client: PrefectClient, entry: Entry) -> DeploymentResponse | None:
    flow = entry["entrypoint"].rsplit(".", 1)[-1]
    try:
        return await client.read_deployment_by_name(f"{flow}/{entry['name']}")
    except ObjectNotFound:
        return None


def _deploy(content: dict[str, Any]) -> None:
    """Prefect's own command reads the YAML: what it stores is what ``prefect deploy`` would."""
    with tempfile.TemporaryDirectory(prefix="recengine-setup-") as folder:
        file = Path(folder) / YAML.name
        file.write_text(yaml.safe_dump(content))
        command = [
            sys.executable,
            "-m",
            "prefect",
            "--no-prompt",
            "deploy",
            "--all",
            "--prefect-file",
            str(file),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stdout + done.stderr).strip()[-2000:]
        raise RecengineError(f"The deployments could not be made: {output}")


async def _reschedule(
    client: PrefectClient,
    deployment: DeploymentResponse,
    add: list[Entry],
    change: list[tuple[DeploymentSchedule, CronSchedule]],
    remove: list[DeploymentSchedule],
) -> None:
    for entry in add:
        cron = CronSchedule(cron=entry["cron"], timezone=entry["timezone"])
        made = DeploymentScheduleCreate(schedule=cron, active=True, slug=entry["slug"])
        await client.create_deployment_schedules(deployment.id, [made])
    for schedule, cron in change:
        await client.update_deployment_schedule(deployment.id, schedule.id, schedule=cron)
    for schedule in remove:
        await client.delete_deployment_schedule(deployment.id, schedule.id)


async def _close_form(client: PrefectClient, entry: Entry) -> None:
    """The server refuses a parameter that the flow does not have, instead of starting a run that crashes."""
    if (made := await _deployed(client, entry)) is None:
        return
    schema = for_people(made.parameter_openapi_schema or {}, versions(Home.at()))
    stored = folded_values(made.parameters)
    still_there = {name: value for name, value in stored.items() if name in schema["properties"]}
    body = {"parameter_openapi_schema": schema, "parameters": still_there}
    await client.request("PATCH", "/deployments/{id}", path_params={"id": made.id}, json=body)


def _quiet_pages(folder: Path) -> None:
    """Keep the UI's pages from calling its maker's analytics, which they do with analytics switched off too.

    ``.invalid`` is reserved: no browser ever finds such a host.
    """
    for script in folder.glob("*/assets/*.js"):
        text = script.read_text(encoding="utf-8")
        if ANALYTICS in text:
            script.write_text(text.replace(ANALYTICS, "amplitude.invalid"), encoding="utf-8")


async def _end_lost_runs(client: PrefectClient) -> None:
    """A run has its home until it ends: where nobody has it, no run can be under way."""
    under_way = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
    unfinished = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=under_way)),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
    )
    try:
        with locked(Home.at(), "the set-up", wait_seconds=0):
            for run in unfinished:
                state: State[None] = Crashed(message=automations.message_of(automations.LOST))
                await client.set_flow_run_state(run.id, state, force=True)
    except WarehouseBusy:
        return  # one of them lives on; the automation looks after the others


def main() -> None:
    """Set up the server that PREFECT_API_URL names; a mistake is one sentence and status 2."""
    parser = argparse.ArgumentParser(prog="python -m flows.server.setup", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=YAML, help="the deployments, prefect.yaml")
    parser.add_argument("--before-worker", action="store_true", help="the only worker is about to start")
    parser.add_argument("--just-set", nargs="*", default=[], help="options of recengine serve that changed")
    chosen = parser.parse_args()
    try:
        asyncio.run(set_up(chosen.file, chosen.before_worker, chosen.just_set))
    except RecengineError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
