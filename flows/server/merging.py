"""Setting up again without undoing: what the shipped YAML says, what it said last, what the server has now.

Three-way, value by value: what the YAML (or an option of ``recengine serve``) did not change since it was last
applied stays as the server has it; what nobody edited there follows the YAML; where both changed, the edit made
in the UI stays, unless the option was given at this very start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from copy import deepcopy
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule

from recengine.serving.continuity import Night

Entry = dict[str, Any]

_ABSENT = object()
# Releases without a record of what they applied fixed the nightly deployment to this.
_UNRECORDED: Entry = {"parameters": {"dataset": "demo"}}


def with_options(entry: Entry, options: dict[str, str], nights: Collection[Night]) -> Entry:
    """The nightly entry as ``recengine serve`` was told: what it reads, and when.

    A source that was published before is read and published as then (``nights``).
    """
    entry = deepcopy(entry)
    if source := options.get("source"):
        parameters = {"source": source}
        for night in nights:
            if night.source == source:
                said = night.model_dump(mode="json", exclude_defaults=True, include={"limits", "top_n"})
                parameters |= said
        entry["parameters"] |= parameters
    elif dataset := options.get("dataset"):
        entry["parameters"] |= {"dataset": dataset}
    for schedule in entry["schedules"]:
        schedule |= {name: options[name] for name in ("cron", "timezone") if name in options}
    return entry


def merged(
    wanted: Entry, before: Entry | None, found: DeploymentResponse, said: Collection[str] = ()
) -> Entry:
    """An entry to deploy over an existing deployment; its schedules are settled by `schedules`."""
    before = wanted | _UNRECORDED if before is None else before
    pool, had, has = wanted["work_pool"], before["work_pool"], found.job_variables
    limit = found.global_concurrency_limit
    options = found.concurrency_options.model_dump(mode="json") if found.concurrency_options else {}
    standing = {"limit": limit.limit, **options} if limit else None
    return wanted | {
        "description": _settled(wanted["description"], before["description"], found.description),
        "tags": _settled(wanted["tags"], before["tags"], found.tags),
        "concurrency_limit": _settled(wanted["concurrency_limit"], before["concurrency_limit"], standing),
        "work_pool": pool | {"job_variables": _settled(pool["job_variables"], had["job_variables"], has)},
        "parameters": _keys(wanted["parameters"], before["parameters"], found.parameters, said),
        "schedules": [],
    }


def schedules(
    wanted: Entry, before: Entry | None, found: DeploymentResponse, said: Collection[str] = ()
) -> tuple[list[Entry], list[tuple[DeploymentSchedule, CronSchedule]], list[DeploymentSchedule]]:
    """What to add, to change and to remove; schedules made in the UI have no slug of ours and stay."""
    old = {schedule["slug"]: schedule for schedule in (before or wanted).get("schedules", [])}
    new = {schedule["slug"]: schedule for schedule in wanted.get("schedules", [])}
    standing = {schedule.slug: schedule for schedule in found.schedules if schedule.slug}
    change = []
    for slug in new.keys() & standing.keys():
        now = standing[slug].schedule
        edited = {"cron": getattr(now, "cron", None), "timezone": getattr(now, "timezone", None)}
        settled = _keys(new[slug], old.get(slug, new[slug]), edited | {"slug": slug}, said)
        if settled["cron"] and {name: settled[name] for name in edited} != edited:
            change.append((standing[slug], CronSchedule(cron=settled["cron"], timezone=settled["timezone"])))
    add = [new[slug] for slug in new.keys() - standing.keys() if slug not in old or set(said) & _WHEN]
    return add, change, [standing[slug] for slug in (standing.keys() & old.keys()) - new.keys()]


_WHEN = {"cron", "timezone"}


def code(*folders: Path) -> str:
    """Hash of the Python below these folders and of where it lies: with other code the forms may differ."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            digest.update(str(file).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _keys(wanted: Entry, before: Entry, found: Entry, said: Collection[str]) -> Entry:
    settled = {
        name: wanted.get(name, _ABSENT)
        if name in said
        else _settled(wanted.get(name, _ABSENT), before.get(name, _ABSENT), found.get(name, _ABSENT))
        for name in {**wanted, **before, **found}
    }
    return {name: value for name, value in settled.items() if value is not _ABSENT}


def _settled(wanted: Any, before: Any, found: Any) -> Any:
    return wanted if wanted != before and found == before else found
