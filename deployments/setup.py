"""Bring a Prefect server to what ``prefect.yaml`` describes: ``python -m deployments.setup``.

Run it after every change of the YAML and as often as you like. It makes the work pool and the deployments,
removes schedules that left the YAML (deploying alone would leave them active), and sees to it that a run
whose process vanished is marked as crashed, which gives its slot back. With ``--before-worker``, where the
box's only worker is about to start, that happens at once to runs that outlived a power cut in the database.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Crashed
from prefect.workers.process import ProcessWorker

from deployments import automations
from deployments.settings import POOL, ROOT
from recengine.config import Home
from recengine.errors import RecengineError, WarehouseBusy
from recengine.warehouse.turn import turn

YAML = Path(__file__).with_name("prefect.yaml")
ANALYTICS = "amplitude.com"


async def set_up(file: Path = YAML, before_worker: bool = False) -> None:
    """Make the server as the YAML says; harmless when it is already."""
    if pages := os.environ.get("PREFECT_SERVER_UI_STATIC_DIRECTORY"):
        _quiet_pages(Path(pages))
    async with get_client() as client:
        await _work_pool(client)
        _deploy(file)
        for entry in yaml.safe_load(file.read_text())["deployments"]:
            await _forget_schedules(client, entry)
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


def _deploy(file: Path) -> None:
    """Prefect's own command reads the YAML: what it stores is what ``prefect deploy`` would."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RecengineError(f"{file} could not be deployed: {(done.stdout + done.stderr).strip()[-2000:]}")


async def _forget_schedules(client: PrefectClient, entry: dict[str, Any]) -> None:
    """Remove schedules whose slug the YAML no longer has; those made in the UI have none and stay."""
    flow = entry["entrypoint"].rsplit(".", 1)[-1]
    deployment = await client.read_deployment_by_name(f"{flow}/{entry['name']}")
    slugs = {schedule["slug"] for schedule in entry.get("schedules", [])}
    for schedule in deployment.schedules:
        if schedule.slug and schedule.slug not in slugs:
            await client.delete_deployment_schedule(deployment.id, schedule.id)


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
    found = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=under_way)),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
    )
    try:
        with turn(Home.at(), "the set-up", wait_seconds=0):
            for run in found:
                state: State[None] = Crashed(message=automations.message_of(automations.LOST))
                await client.set_flow_run_state(run.id, state, force=True)
    except WarehouseBusy:
        return  # one of them lives on; the automation looks after the others


def main() -> None:
    """Set up the server that PREFECT_API_URL names; a mistake is one sentence and status 2."""
    parser = argparse.ArgumentParser(prog="python -m deployments.setup", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=YAML, help="the deployments, prefect.yaml")
    parser.add_argument("--before-worker", action="store_true", help="the only worker is about to start")
    chosen = parser.parse_args()
    try:
        asyncio.run(set_up(chosen.file, chosen.before_worker))
    except RecengineError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
