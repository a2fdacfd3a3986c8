"""Names of runs that a person can tell apart: what ran, on which data, on which day (UTC), which one of that day."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.sorting import FlowRunSort

from recengine.config import Home
from recengine.errors import RecengineError
from recengine.serving.versions import current_publication

LONGEST = 60  # characters of a dataset's name that a name shows

# What Prefect gives to a run that nobody named: an adjective and an animal.
_MADE_UP = re.compile(r"[a-z]+-[a-z]+")


def run_name() -> str:
    """The name of the run that is about to begin, such as ``nightly ml-100k 2026-11-25 #3``.

    One that a person gave, or that an earlier attempt of the run got, stays.
    """
    given = str(runtime.flow_run.name or "")
    if given and not _MADE_UP.fullmatch(given):
        return given
    dataset = dataset_of(Home(Home.place()), runtime.flow_run.parameters or {})
    words = (runtime.flow_run.flow_name, dataset, f"{datetime.now(UTC):%Y-%m-%d}")
    day = " ".join(filter(None, words))
    return f"{day} #{_last_of(day) + 1}"


def dataset_of(home: Home, parameters: dict[str, Any]) -> str | None:
    """The dataset that a run with these parameters is about, as far as it can be told before it begins."""
    if source := parameters.get("source"):
        return Path(str(source)).name.removesuffix(".zip")[:LONGEST]
    if (asked := parameters.get("dataset", "published")) != "published":
        return str(asked)
    try:
        seen = current_publication(home)
    except (RecengineError, OSError):  # the run itself meets it, and mends it or says it
        return None
    return seen.dataset[:LONGEST] if seen else None


def _last_of(day: str) -> int:
    """The highest number that a run of this flow, data and day has; 0 where it is the first."""
    alike = FlowRunFilter(name=FlowRunFilterName(like_=f"{day} #"))
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=alike, sort=FlowRunSort.EXPECTED_START_TIME_DESC)
    numbers = (run.name.removeprefix(f"{day} #") for run in found if run.name.startswith(f"{day} #"))
    return max((int(number) for number in numbers if number.isdigit()), default=0)
