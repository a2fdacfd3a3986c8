"""Where things live and how each stage is set: one pydantic config per stage, reused as the Prefect form."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

from recengine.errors import BadInput, NotReady, legible
from recengine.runtime import access
from recengine.runtime.near import choose
from recengine.runtime.paths import user_path

VERSION = version("recengine")

DatasetName = Literal[
    "demo",
    "ml-100k",
    "ml-1m",
    "ml-10m",
    "ml-20m",
    "ml-25m",
    "ml-32m",
    "ml-latest-small",
    "ml-latest",
]

# What a night may be told: one of these, or to go on with the published one.
NightDataset = Literal["published", DatasetName]


def checked_dataset(name: str) -> DatasetName:
    """A dataset's name, known to be one.

    Raises
    ------
    BadInput
        There is no such dataset.
    """
    for known in get_args(DatasetName):
        if name == known:
            chosen: DatasetName = known
            return chosen
    raise BadInput(f"There is no dataset {name!r}; {choose(name, get_args(DatasetName))}")


@dataclass(frozen=True)
class Home:
    """The one folder under which everything is kept (``RECENGINE_HOME``, default ``./data``)."""

    root: Path

    @classmethod
    def at(cls, root: str | Path | None = None) -> Home:
        """The home at ``root``, else at ``RECENGINE_HOME``, else ``./data``; made private when new.

        Raises
        ------
        BadInput
            A database cannot be kept there.
        """
        home = cls(cls.place(root))
        home._refuse_odd()
        if not home.root.is_dir():
            try:
                home.root.mkdir(parents=True, exist_ok=True)
                home.root.chmod(access.NEW_HOME)
            except OSError as error:
                raise BadInput(
                    f"No home can be made at {home.root} ({error.strerror}); choose another folder with --home."
                ) from error
        access.settle(home.root)
        return home

    @classmethod
    def there(cls, root: str | Path | None = None) -> Home:
        """The home at the same place, for one who reads: nothing is made.

        Raises
        ------
        NotReady
            There is no such folder.
        BadInput
            A database cannot be kept there.
        """
        home = cls(cls.place(root))
        home._refuse_odd()
        above = next(parent for parent in home.root.parents if os.path.lexists(parent))
        if not os.path.lexists(home.root) and above.is_dir():
            raise NotReady(
                f"Nothing is published under {legible(home.root)} yet: there is no such folder",
                "run `recengine run` first, or name another folder with --home",
            )
        return cls.at(root)

    def _refuse_odd(self) -> None:
        # DuckDB looks for the file or puts its log elsewhere where a path holds these, as does SQLite's address; both
        # follow links, once the link itself is found.
        odd = re.search(r"[?\\\ud800-\udfff]", str(self.root) + os.path.realpath(self.root))
        if odd:
            raise BadInput(
                f"No database can be kept under {self.root}: its path holds {legible(odd[0])!r}; "
                "choose another folder with --home."
            )

    @staticmethod
    def place(root: str | Path | None = None) -> Path:
        """Where the home is, or would be made."""
        return (user_path(root) or user_path(os.environ.get("RECENGINE_HOME")) or Path("data")).absolute()

    @property
    def warehouse(self) -> Path:
        """The private working database."""
        return self.root / "warehouse.duckdb"

    @property
    def sources(self) -> Path:
        """Downloaded, generated and unpacked datasets, a folder each."""
        return self.root / "sources"

    @property
    def snapshots(self) -> Path:
        """Feature snapshots, a folder per fingerprint."""
        return self.root / "snapshots"

    @property
    def models(self) -> Path:
        """Trained models, a folder per model id."""
        return self.root / "models"

    @property
    def serving(self) -> Path:
        """The published versions."""
        return self.root / "serving"

    @property
    def serving_link(self) -> Path:
        """The link that readers open; it points to the current version."""
        return self.root / "serving.duckdb"

    @property
    def exports(self) -> Path:
        """What exporters made of the published versions."""
        return self.root / "exports"

    @property
    def lists(self) -> Path:
        """The lists of past versions, long after their files are gone."""
        return self.root / "history" / "lists"

    @property
    def as_of(self) -> Path:
        """Homes as they were on a day, a folder per day."""
        return self.root / "as-of"

    @property
    def metrics(self) -> Path:
        """What monitors read of the last night, in Prometheus' text format."""
        return self.root / "metrics.prom"

    @property
    def reports(self) -> Path:
        """The morning pages."""
        return self.root / "reports"

    @property
    def prefect(self) -> Path:
        """Prefect's own home: its database, results and profile."""
        return self.root / "prefect"


def _in_order(schema: dict[str, Any]) -> None:
    """A form shows the fields in the order they are declared."""
    for position, field in enumerate(schema.get("properties", {}).values()):
        field["position"] = position


class StageConfig(BaseModel):
    """Base of the stages' configs: unknown names are refused, values do not change.

    Attributes
    ----------
    earlier : mapping of str to str
        Names that earlier releases had for fields of today: what they stored is still read.
    """

    earlier: ClassVar[Mapping[str, str]] = {}

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_in_order)

    @model_validator(mode="before")
    @classmethod
    def _by_todays_names(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {cls.earlier.get(name, name): value for name, value in given.items()}


def refusal(error: ValidationError, kind: type[BaseModel], within: str = "") -> str:
    """What a config refuses, in words: the knob by its dotted name, and what it takes or what was meant.

    Parameters
    ----------
    error : ValidationError
        What ``kind`` raised.
    kind : type of BaseModel
    within : str
        What the names stand in, such as ``train``.
    """
    return worded(error.errors()[0], kind, within)


def worded(found: ErrorDetails, kind: Any, within: str = "") -> str:
    """One refusal of a config, or of a value of a type, in words."""
    # The parts of a place that are no names are the branches of a union.
    path = [str(part) for part in found["loc"] if re.fullmatch(r"\w+", str(part))]
    dotted = ".".join([*filter(None, [within]), *path])
    if found["type"] == "extra_forbidden":
        fields = fields_at(kind, path[:-1])
        return f"There is no knob {dotted}; {choose(path[-1], fields)}"
    wrong = found["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if found["type"] == "value_error":
        return wrong if dotted in wrong else f"{dotted}: {wrong.rstrip('.')}."
    if found["type"] == "literal_error" and isinstance(found["input"], str):
        names = re.findall(r"'([^']*)'", found["ctx"]["expected"])
        return f"{dotted} is {found['input']!r}; {choose(found['input'], names)}"
    return f"{dotted} is {found['input']!r}; it should be {wrong}."


def fields_at(kind: Any, path: Sequence[str]) -> list[str]:
    """The names of a config's fields, or of a config within it; none where nothing has fields there."""
    for name in path:
        kind = _config_in(kind).model_fields[name].annotation
    return list(getattr(_config_in(kind), "model_fields", ()))


def _config_in(kind: Any) -> Any:
    """The config that an annotation such as ``Config | None`` names."""
    return next((part for part in get_args(kind) if hasattr(part, "model_fields")), kind)
