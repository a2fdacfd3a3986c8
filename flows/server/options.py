"""The schedules' options: what ``recengine serve`` was given last, remembered in the home (``serve.json``)."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from recengine.config import Home, checked_dataset
from recengine.errors import BadInput
from recengine.runtime.json_files import read_json, write_json
from recengine.runtime.near import meant
from recengine.runtime.paths import user_path

NAMES = ("source", "dataset", "cron", "timezone", "tune_cron")
NEVER = "off"  # in place of a cron line: no tuning by schedule


def remembered(home: Home) -> dict[str, str]:
    """The options given last, by name."""
    stored = read_json(_file(home))
    return {name: stored[name] for name in NAMES if isinstance(stored.get(name), str)}


def remember(home: Home, **options: str | None) -> list[str]:
    """Remember these options; returns the names of those that changed.

    An empty text forgets the name. Source and dataset take each other's place.

    Raises
    ------
    BadInput
        There is no such source, dataset or timezone, or the cron line is none.
    """
    before = remembered(home)
    changes = {name: value.strip() for name, value in options.items() if value is not None}
    _check(changes)
    if source := user_path(changes.get("source")):
        changes |= {"source": str(source.absolute()), "dataset": ""}
    elif changes.get("dataset"):
        changes["source"] = ""
    after = {name: value for name, value in (before | changes).items() if value}
    if after != before:
        write_json(_file(home), dict(after))
    return [name for name in NAMES if after.get(name) != before.get(name)]


def _check(changes: dict[str, str]) -> None:
    if (source := user_path(changes.get("source"))) and not source.exists():
        raise BadInput(f"There is nothing at --source {source}; check the path.")
    if dataset := changes.get("dataset"):
        checked_dataset(dataset)
    if timezone := changes.get("timezone"):
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            near = meant(timezone, available_timezones())
            raise BadInput(
                f"There is no timezone {timezone!r}{near}; use a name such as Europe/Berlin or UTC."
            ) from None
    if cron := changes.get("cron"):
        _check_cron(cron, "half past three every night is '30 3 * * *'")
    if (cron := changes.get("tune_cron")) and cron != NEVER:
        _check_cron(cron, f"half past four on Sundays is '30 4 * * 0', and {NEVER!r} is never")


def _check_cron(cron: str, such_as: str) -> None:
    from prefect.client.schemas.schedules import CronSchedule  # a second of imports, for those who ask

    try:
        CronSchedule(cron=cron)
    except ValueError:
        raise BadInput(f"{cron!r} is no cron line; {such_as}.") from None


def _file(home: Home) -> Path:
    return home.root / "serve.json"
