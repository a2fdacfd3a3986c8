"""Where knobs are told, strongest first: ``--set``, ``recengine.toml``, the environment, the form, defaults.

Whatever tells them, they are checked together, once; what is refused is named with the place it was told in.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from recengine.config import refusal
from recengine.errors import BadInput, BadKnob
from recengine.knobs.stages import (
    ClusterConfig,
    IngestConfig,
    PublishConfig,
    RetentionConfig,
    ScoreConfig,
    TrainConfig,
    TuneConfig,
)
from recengine.runtime.near import choose

FILE = "recengine.toml"
PREFIX, DELIMITER = "RECENGINE_", "__"
DEFAULT = "default"


class Knobs(BaseSettings):
    """Every knob of a night, by stage."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter=DELIMITER, env_ignore_empty=True
    )

    ingest: IngestConfig = Field(IngestConfig(), description="What a load accepts")
    train: TrainConfig = Field(TrainConfig(), description="Which model challenges, and how it is judged")
    tune: TuneConfig = Field(TuneConfig(), description="How long the recipe's knobs are searched")
    score: ScoreConfig = Field(ScoreConfig(), description="How many rows are published")
    publish: PublishConfig = Field(PublishConfig(), description="What must hold before readers see them")
    retention: RetentionConfig = Field(RetentionConfig(), description="What is kept after the night")
    cluster: ClusterConfig = Field(ClusterConfig(), description="Where work on shards of users is done")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what ``in_force`` hands over: it asks the other sources itself, to know which one told what."""
        return (init_settings,)


@dataclass(frozen=True)
class Told:
    """One place that tells knobs.

    Attributes
    ----------
    place : str
        What it is called as a whole.
    values : dict of str to object
        What it tells, by dotted knob.
    names : dict of str to str
        What it calls each of them, or the group that it stands in.
    """

    place: str
    values: dict[str, Any]
    names: dict[str, str]

    @classmethod
    def of(cls, place: str, told: Mapping[str, Any], names: Mapping[str, str]) -> Told:
        """From values by stage, or by dotted knob; earlier releases' names become today's."""
        values = {_todays(knob): value for knob, value in _leaves(told)}
        return cls(place, values, {_todays(knob): name for knob, name in names.items()})

    def name(self, knob: str) -> str | None:
        """What tells a knob here, or a part of it, or what it is a part of; None: nothing does."""
        for known in self.values:
            if f"{known}.".startswith(f"{knob}.") or f"{knob}.".startswith(f"{known}."):
                parts = known.split(".")
                groups = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
                return next((self.names[group] for group in groups if group in self.names), self.place)
        return None


@dataclass(frozen=True)
class InForce:
    """The knobs in force, and the places that told them, strongest first."""

    knobs: Knobs
    told: tuple[Told, ...]

    def origin(self, knob: str) -> str:
        """Where a knob's value comes from, by its dotted name."""
        return _origin(self.told, knob) or DEFAULT


def in_force(
    home: Path,
    said: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    form: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> InForce:
    """The knobs as all that tells them together says.

    Parameters
    ----------
    home : Path
        The folder whose ``recengine.toml`` counts; neither needs to be there.
    said : sequence of str
        What follows ``--set``: "train.holdout_share=0.1". The last one wins.
    options : mapping of str to object, optional
        The other options of a command, by dotted knob, as strong as ``--set``; None is not said.
    form : mapping of str to object, optional
        What a form or a deployment says, by dotted knob.
    environment : mapping of str to str, optional
        The process's, where left out.

    Raises
    ------
    BadInput
        There is no such knob, or it does not take that value; or a place cannot be read.
    """
    environment = os.environ if environment is None else environment
    told = (_said(said, options or {}), _file(home / FILE), _environment(environment), _form(form or {}))
    values: dict[str, Any] = {}
    for place in reversed(told):
        for knob, value in place.values.items():
            _put(values, knob, value)
    try:
        return InForce(Knobs(**values), told)
    except ValidationError as refused:
        knob = ".".join(map(str, refused.errors()[0]["loc"]))
        raise BadInput(f"{_origin(told, knob)}: {refusal(refused, Knobs)}") from None


@contextmanager
def told_where(found: InForce) -> Iterator[None]:
    """What refuses a knob only when it is used, such as a model's own, says where it was told."""
    try:
        yield
    except BadKnob as error:
        raise BadInput(f"{found.origin(error.knob)}: {error}") from None


def _origin(told: tuple[Told, ...], knob: str) -> str | None:
    return next((name for place in told if (name := place.name(knob)) is not None), None)


def _said(said: Sequence[str], options: Mapping[str, Any]) -> Told:
    values = {knob: value for knob, value in options.items() if value is not None}
    names = {knob: f"--{knob.rpartition('.')[2].replace('_', '-')}" for knob in values}
    for text in said:
        knob, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not re.fullmatch(r"\w+(\.\w+)+", knob):
            raise BadInput(
                f"--set {text}: write a knob and its value, such as --set train.holdout_share=0.1."
            )
        values[knob], names[knob] = _value(value), "--set"
    return Told.of("--set", values, names)


def _value(text: str) -> Any:
    """A value as TOML has it; any other text is itself, so that names need no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return text


def _file(path: Path) -> Told:
    try:
        values = TomlConfigSettingsSource(Knobs, toml_file=path)()
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is no TOML ({str(error).rstrip('.')}); mend that line.") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); mend its permissions.") from None
    return Told.of(FILE, values, {knob: f"{FILE}, line {line}" for knob, line in _numbered(lines)})


def _numbered(lines: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Dotted names of the keys that stand on a line of their own, and its number."""
    table = ""
    for number, line in enumerate(lines, 1):
        if found := re.match(r"\s*\[\s*([\w.]+)\s*\]", line):
            table = f"{found[1]}."
        elif found := re.match(r"\s*([\w.]+)\s*=", line):
            yield f"{table}{found[1]}", number


class _Environment(EnvSettingsSource):
    """The environment, where lists and tables may also be as TOML has them, or a name without quotes."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """A list or table from its text."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return _value(value)


def _environment(environment: Mapping[str, str]) -> Told:
    names: dict[str, str] = {}
    for name in environment:
        stage, *knob = name.removeprefix(PREFIX).lower().split(DELIMITER)
        if not name.startswith(PREFIX) or not (knob or stage in Knobs.model_fields):
            continue  # others' names, and those of ours that are no knobs, such as RECENGINE_HOME
        if stage not in Knobs.model_fields:
            stages = [known.upper() for known in Knobs.model_fields]
            raise BadInput(f"The environment variable {name} names no stage; {choose(stage, stages)}")
        names[".".join([stage, *knob])] = f"environment variable {name}"
    source = _Environment(Knobs)
    source.env_vars = {n.lower(): value for n, value in environment.items() if n.startswith(PREFIX) and value}
    told = Told.of("the environment", source(), names)
    for dotted, value in told.values.items():
        if dotted.startswith("train.knobs.") and isinstance(
            value, str
        ):  # what types these have, only the model knows
            told.values[dotted] = _value(value)
    return told


def _form(form: Mapping[str, Any]) -> Told:
    values = {knob: v.model_dump() if isinstance(v, BaseModel) else v for knob, v in form.items()}
    return Told.of("the form", values, {})


def field_of(knob: str) -> FieldInfo:
    """The declaration of a knob, or of a group of them, by its dotted name."""
    *path, last = knob.split(".")
    kind: Any = Knobs
    for name in path:
        kind = kind.model_fields[name].annotation
    found: FieldInfo = kind.model_fields[last]
    return found


def value_of(knobs: Knobs, knob: str) -> Any:
    """The value of a knob, or of a group of them, by its dotted name."""
    found: Any = knobs
    for name in knob.split("."):
        found = getattr(found, name)
    return found


def _todays(knob: str) -> str:
    """A dotted knob by the names of today."""
    kind: Any = Knobs
    path = []
    for name in knob.split("."):
        path.append(getattr(kind, "earlier", {}).get(name, name))
        kind = (
            kind.model_fields[path[-1]].annotation if path[-1] in getattr(kind, "model_fields", {}) else None
        )
    return ".".join(path)


def _put(values: dict[str, Any], dotted: str, value: Any) -> None:
    """Set a value by its dotted name."""
    *path, last = dotted.split(".")
    for name in path:
        if not isinstance(values.get(name), dict):
            values[name] = {}
        values = values[name]
    values[last] = value


def _leaves(values: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of all that is no mapping, or an empty one."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{within}{name}.")
        else:
            yield f"{within}{name}", value
