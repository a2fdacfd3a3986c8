"""What the last runs ended as and why, and how long each stage took: ``runs.json`` in the home.

A file of its own, not a table: a run often fails of the warehouse, and this is read while another one has it.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from recengine.config import Home
from recengine.runtime.json_files import read_json, write_json

log = logging.getLogger(__name__)

KEPT = 200  # runs: half a year of nights

# What messages quote of source files names users, who may ask to be forgotten.
_QUOTED = re.compile(r'(line [\d,]+): [^)"\n]{0,80}')


class Run(BaseModel):
    """A run that is over.

    Attributes
    ----------
    name, flow : str
        The run's name, and the flow it ran.
    outcome : str
        Published, Kept, Unchanged, Completed, Failed, Crashed, Cancelled ...
    reason : str
        Why, in a sentence.
    began, ended : datetime
        In UTC, without a zone.
    dataset : str or None
        What it was about, where it got that far.
    ratings : int or None
        How many of them it loaded.
    seconds : dict of str to float
        Of the stages it reached; empty for a flow of one stage.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    flow: str
    outcome: str
    reason: str = ""
    began: datetime
    ended: datetime
    dataset: str | None = None
    ratings: int | None = None
    seconds: dict[str, float] = {}

    @property
    def took(self) -> float:
        """Seconds from its beginning to its end."""
        return (self.ended - self.began).total_seconds()


def now() -> datetime:
    """The time in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def note(home: Home, run: Run) -> None:
    """Add a run that ended; that it cannot be written ends nothing."""
    told = run.model_copy(update={"reason": _QUOTED.sub(r"\1", run.reason)})
    try:
        known = [*last(home), told][-KEPT:]
        write_json(_file(home), {"runs": [each.model_dump(mode="json") for each in known]})
    except OSError as error:
        log.warning("%s cannot be written: %s", _file(home), error)


def last(home: Home, n: int = KEPT, flow: str | None = None) -> list[Run]:
    """The last runs, of one flow if it is named, oldest first; what cannot be read counts as not there."""
    found = []
    for entry in read_json(_file(home)).get("runs", []):
        try:
            found.append(Run.model_validate(entry))
        except ValidationError:
            log.warning("%s: a run in it cannot be read and is left out", _file(home))
    return [run for run in found if flow in (None, run.flow)][-n:]


def _file(home: Home) -> Path:
    return home.root / "runs.json"
