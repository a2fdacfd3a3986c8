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

from flows.server.options import NEVER
from flows.support.form import by_todays_names
from recengine.serving.continuity import Night

Entry = dict[str, Any]

NIGHTLY, TUNE = "nightly", "tune"
# Which options of ``recengine serve`` a deployment hears, and what it calls them.
_OPTIONS = {
    NIGHTLY: {name: name for name in ("source", "dataset", "cron", "timezone")},
    TUNE: {"tune_cron": "cron", "timezone": "timezone"},
}
_ABSENT = object()
# Releases without a record of what they applied fixed the nightly deployment to this.
_UNRECORDED: Entry = {"parameters": {"dataset": "demo"}}


def with_options(entry: Entry, options: dict[str, str], nights: Collection[Night]) -> Entry:
    """An entry as ``recengine serve`` was told: what the night reads, and when night and tuning run.

    A source that was published before is read and published as then (``nights``).
    """
    entry = deepcopy(entry)
    if entry["name"] == TUNE and options.get("tune_cron") == NEVER:
        entry["schedules"] = []
    own = _OPTIONS.get(entry["name"], {})
    when = {own[name]: value for name, value in options.items() if own.get(name) in _WHEN}
    for schedule in entry.get("schedules", ()):
        schedule |= when
    if entry["name"] != NIGHTLY:
        return entry
    if source := options.get("source"):
        parameters = {"source": source}
        for night in nights:
            if night.source == source:
                asked_then = night.model_dump(mode="json", exclude_defaults=True, include={"limits", "top_n"})
                parameters |= asked_then
        entry["parameters"] |= parameters
    elif dataset := options.get("dataset"):
        entry["parameters"] |= {"dataset": dataset}
    return entry


def just_told(entry: Entry, just_set: Collection[str]) -> list[str]:
    """What ``recengine serve`` was told anew of this entry, by the entry's own names."""
    own = _OPTIONS.get(entry["name"], {})
    return [own[name] for name in just_set if name in own]


def merged(
    shipped: Entry, applied: Entry | None, deployed: DeploymentResponse, just_set: Collection[str] = ()
) -> Entry:
    """An entry to deploy over an existing deployment; its schedules are settled by `schedules`."""
    applied = shipped | _UNRECORDED if applied is None else applied
    pool, had, has = shipped["work_pool"], applied["work_pool"], deployed.job_variables
    limit = deployed.global_concurrency_limit
    options = deployed.concurrency_options.model_dump(mode="json") if deployed.concurrency_options else {}
    existing = {"limit": limit.limit, **options} if limit else None
    return shipped | {
        "description": _merged_value(shipped["description"], applied["description"], deployed.description),
        "tags": _merged_value(shipped["tags"], applied["tags"], deployed.tags),
        "concurrency_limit": _merged_value(
            shipped["concurrency_limit"], applied["concurrency_limit"], existing
        ),
        "work_pool": pool
        | {"job_variables": _merged_value(pool["job_variables"], had["job_variables"], has)},
        "parameters": _merged_mapping(
            shipped["parameters"], applied["parameters"], by_todays_names(deployed.parameters), just_set
        ),
        "schedules": [],
    }


def schedules(
    shipped: Entry, applied: Entry | None, deployed: DeploymentResponse, just_set: Collection[str] = ()
) -> tuple[list[Entry], list[tuple[DeploymentSchedule, CronSchedule]], list[DeploymentSchedule]]:
    """What to add, to change and to remove; schedules made in the UI have no slug of ours and stay."""
    old = {schedule["slug"]: schedule for schedule in (applied or shipped).get("schedules", [])}
    new = {schedule["slug"]: schedule for schedule in shipped.get("schedules", [])}
    existing = {schedule.slug: schedule for schedule in deployed.schedules if schedule.slug}
    change = []
    for slug in new.keys() & existing.keys():
        now = existing[slug].schedule
        edited = {"cron": getattr(now, "cron", None), "timezone": getattr(now, "timezone", None)}
        settled = _merged_mapping(new[slug], old.get(slug, new[slug]), edited | {"slug": slug}, just_set)
        if settled["cron"] and {name: settled[name] for name in edited} != edited:
            change.append((existing[slug], CronSchedule(cron=settled["cron"], timezone=settled["timezone"])))
    add = [new[slug] for slug in new.keys() - existing.keys() if slug not in old or set(just_set) & _WHEN]
    return add, change, [existing[slug] for slug in (existing.keys() & old.keys()) - new.keys()]


_WHEN = {"cron", "timezone"}


def code(*folders: Path) -> str:
    """Hash of the Python below these folders and of where it lies: with other code the forms may differ."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            digest.update(str(file).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _merged_mapping(shipped: Entry, applied: Entry, deployed: Entry, just_set: Collection[str]) -> Entry:
    settled = {
        name: shipped.get(name, _ABSENT)
        if name in just_set
        else _merged_value(
            shipped.get(name, _ABSENT), applied.get(name, _ABSENT), deployed.get(name, _ABSENT)
        )
        for name in {**shipped, **applied, **deployed}
    }
    return {name: value for name, value in settled.items() if value is not _ABSENT}


def _merged_value(shipped: Any, applied: Any, deployed: Any) -> Any:
    return shipped if shipped != applied and deployed == applied else deployed
