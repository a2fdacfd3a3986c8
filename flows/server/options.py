"""What ``recengine serve`` was told about the night, remembered in the home (``serve.json``)."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recengine.config import Home, checked_dataset
from recengine.errors import BadInput
from recengine.runtime.json_files import read_json, write_json
from recengine.runtime.paths import meant

NAMES = ("source", "dataset", "cron", "timezone")


def told(home: Home) -> dict[str, str]:
    """What was told last, by name."""
    found = read_json(_file(home))
    return {name: found[name] for name in NAMES if isinstance(found.get(name), str)}


def tell(home: Home, **given: str | None) -> list[str]:
    """Remember what was given; returns the names that are news.

    An empty text forgets the name. Source and dataset take each other's place.

    Raises
    ------
    BadInput
        There is no such source, dataset or timezone, or the cron line is none.
    """
    before = told(home)
    said = {name: value.strip() for name, value in given.items() if value is not None}
    _check(said)
    if source := meant(said.get("source")):
        said |= {"source": str(source.absolute()), "dataset": ""}
    elif said.get("dataset"):
        said["source"] = ""
    after = {name: value for name, value in (before | said).items() if value}
    if after != before:
        write_json(_file(home), dict(after))
    return [name for name in NAMES if after.get(name) != before.get(name)]


def _check(said: dict[str, str]) -> None:
    if (source := meant(said.get("source"))) and not source.exists():
        raise BadInput(f"There is nothing at --source {source}.")
    if dataset := said.get("dataset"):
        checked_dataset(dataset)
    if timezone := said.get("timezone"):
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadInput(
                f"There is no timezone {timezone!r}; use a name such as Europe/Berlin or UTC."
            ) from None
    if cron := said.get("cron"):
        from prefect.client.schemas.schedules import CronSchedule  # a second of imports, for those who ask

        try:
            CronSchedule(cron=cron)
        except ValueError:
            raise BadInput(
                f"{cron!r} is no cron line; half past three every night is '30 3 * * *'."
            ) from None


def _file(home: Home) -> Path:
    return home.root / "serve.json"
